#include "preload/command/scan/needles.h"

#include <string.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

void Randomize(void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = getrandom(static_cast<char*>(data) + done, size - done, 0);
    if (n < 0) Die("getrandom: %s", ErrnoText(errno).c_str());
    done += static_cast<size_t>(n);
  }
}

}  // namespace

Needles::Needles() : filter_((size_t{1} << kFilterBits) / 64) {
  Randomize(&hash_xor_, sizeof hash_xor_);
  Randomize(&hash_factor_, sizeof hash_factor_);
  hash_factor_ |= 1;  // Odd: the product keeps words apart.
}

size_t Needles::AddToken(Token token) {
  tokens_.push_back(std::move(token));
  return tokens_.size() - 1;
}

template <typename ByteAt>
void Needles::AddMasked(size_t token, size_t size, Range secret, ByteAt byte_at) {
  if (size < kWindow) Die("a needle of %zu bytes is too short to be searched for", size);
  const Needle needle{token, masked_.size(), size, secret};
  mask_.resize(needle.start + size);
  masked_.resize(needle.start + size);
  Randomize(&mask_[needle.start], size);
  for (size_t i = 0; i < size; ++i)
    masked_[needle.start + i] = mask_[needle.start + i] ^ byte_at(i);
  needles_.push_back(needle);
}

void Needles::Add(size_t token, ByteView bytes, Range secret) {
  AddMasked(token, bytes.size(), secret, [&](size_t i) { return bytes[i]; });
}

void Needles::AddReversed(size_t token, ByteView bytes) {
  AddMasked(token, bytes.size(), {0, bytes.size()},
            [&](size_t i) { return bytes[bytes.size() - 1 - i]; });
}

void Needles::Seal() {
  for (uint32_t n = 0; n < needles_.size(); ++n) {
    uint64_t word = 0;
    for (size_t i = 0; i < needles_[n].size; ++i) {
      word = word >> 8 | static_cast<uint64_t>(ByteOf(needles_[n], i)) << 56;  // little-endian
      if (i + 1 < kWord) continue;
      const uint64_t hash = Hash(word);
      const uint64_t bit = hash >> (64 - kFilterBits);
      filter_[bit >> 6] |= uint64_t{1} << (bit & 63);
      words_.push_back(
          {static_cast<uint32_t>(hash >> 32), n, static_cast<uint32_t>(i + 1 - kWord)});
    }
  }
  std::sort(words_.begin(), words_.end(),
            [](const Candidate& a, const Candidate& b) { return a.hash < b.hash; });
  // About one word in each bucket.
  const unsigned bucket_bits =
      std::clamp(static_cast<unsigned>(std::bit_width(words_.size())), 1u, 24u);
  bucket_shift_ = 32 - bucket_bits;
  buckets_.assign((size_t{1} << bucket_bits) + 1, 0);
  for (const Candidate& word : words_) ++buckets_[Bucket(word.hash) + 1];
  for (size_t i = 1; i < buckets_.size(); ++i) buckets_[i] += buckets_[i - 1];
}

bool Needles::Verify(const Candidate& candidate, ByteView haystack, size_t at, Match* match) const {
  const Needle& needle = needles_[candidate.needle];
  size_t begin = at, end = at;
  size_t needle_begin = candidate.offset, needle_end = candidate.offset;
  while (end < haystack.size() && needle_end < needle.size &&
         haystack[end] == ByteOf(needle, needle_end)) {
    ++end, ++needle_end;
  }
  while (begin > 0 && needle_begin > 0 && haystack[begin - 1] == ByteOf(needle, needle_begin - 1)) {
    --begin, --needle_begin;
  }
  if (end - begin < kWindow) return false;
  const size_t secret_begin = std::max(needle_begin, needle.secret.begin);
  const size_t secret_end = std::min(needle_end, needle.secret.end);
  *match = {begin, end};
  return secret_begin + kSecretBytes <= secret_end;
}

}  // namespace secure_alloc
