#include "preload/command/scan/searcher.h"

#include <string.h>

namespace secure_alloc {

static_assert(Searcher::kOverlap >= Needles::kWindow - 1);
static_assert(Needles::kStride + Needles::kWord <= Needles::kWindow);

Searcher::Searcher(const Needles& needles, NameOf name_of)
    : needles_(needles),
      name_of_(std::move(name_of)),
      findings_(needles.tokens().size()),
      last_(needles.tokens().size()) {}

void Searcher::Search(uint64_t address, ByteView piece) {
  for (size_t at = 0; at + Needles::kWord <= piece.size(); at += Needles::kStride) {
    uint64_t word;
    memcpy(&word, &piece[at], sizeof word);
    if (needles_.MayContain(word)) [[unlikely]]
      TryWord(word, address, piece, at);
  }
}

void Searcher::TryWord(uint64_t word, uint64_t address, ByteView piece, size_t at) {
  needles_.Candidates(word, [&](const Needles::Candidate& candidate) {
    const size_t token = needles_.TokenOf(candidate);
    Place& last = last_[token];
    // Another word of the place just found.
    if (address + at >= last.begin && address + at < last.end) return;
    Needles::Match match;
    if (!needles_.Verify(candidate, piece, at, &match)) return;
    const Place place{address + match.begin, address + match.end};
    if (place.begin < last.end && place.end > last.begin) {
      last = {std::min(last.begin, place.begin), std::max(last.end, place.end)};
      return;
    }
    last = place;
    ++findings_[token].places;
    ++findings_[token].mappings[name_of_(place.begin)];
  });
}

}  // namespace secure_alloc
