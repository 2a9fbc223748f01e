#include "preload/command/scan/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kPiece = size_t{1} << 20;
constexpr uint64_t kWorthProgress = uint64_t{256} << 20;

uint64_t PageEnd(uint64_t address) { return (address / kPage + 1) * kPage; }

class Progress {
 public:
  Progress(const Memory& memory, bool wanted) {
    for (const Mapping& mapping : memory.mappings()) {
      if (!mapping.untouched) total_ += mapping.end - mapping.begin;
    }
    shown_ = wanted && total_ >= kWorthProgress;
  }
  void Done(uint64_t bytes) {
    done_ += bytes;
    if (!shown_ || done_ - last_ < kWorthProgress / 16) return;
    last_ = done_;
    fprintf(stderr, "\rsearched %s of %s \033[K", HumanBytes(done_).c_str(),
            HumanBytes(total_).c_str());
  }
  ~Progress() {
    if (shown_) fputs("\r\033[K", stderr);
  }

 private:
  uint64_t total_ = 0, done_ = 0, last_ = 0;
  bool shown_;
};

class Sweeper {
 public:
  Sweeper(Memory* memory, Searcher* searcher, bool progress)
      : memory_(memory),
        searcher_(searcher),
        progress_(*memory, progress),
        pages_(kPage + kPiece),
        piece_(pages_.data() + kPage) {}

  SweepAccount Run() {
    for (const Mapping& mapping : memory_->mappings()) SweepMapping(mapping);
    account_.mappings = memory_->mappings().size();
    return account_;
  }

 private:
  void SweepMapping(const Mapping& mapping) {
    if (mapping.untouched) {
      account_.bytes_untouched += mapping.end - mapping.begin;
      return;
    }
    bool secret = false;
    for (uint64_t at = mapping.begin; at < mapping.end;) {
      const uint64_t next = Step(mapping, at, &secret);
      progress_.Done(next - at);
      at = next;
    }
    account_.secret_mappings += secret;
  }

  // Takes what begins at `at`; returns where it ends.
  uint64_t Step(const Mapping& mapping, uint64_t at, bool* secret) {
    const uint64_t limit = std::min(mapping.end, at + kPiece);
    uint64_t end = limit;
    if (mapping.private_pages) {
      const bool touched = memory_->Touched(at, mapping.end);
      for (end = at; end < limit && memory_->Touched(end, mapping.end) == touched;) {
        end = std::min(PageEnd(end), limit);
      }
      if (!touched) {
        account_.bytes_untouched += end - at;
        return end;
      }
    }
    const ssize_t n = memory_->Read(at, piece_, end - at);
    if (n > 0) return Take(at, static_cast<size_t>(n));
    end = std::min(PageEnd(at), mapping.end);
    if (n == -ESRCH || n == -ENODATA) account_.cut_short = true;
    if (mapping.secret) {
      *secret = true;
      account_.secret_bytes += end - at;
    } else {
      NoteUnreadable({at, end, mapping.name, static_cast<int>(-n)});
    }
    return end;
  }

  // Searches the piece just read, with the last bytes of the one before it if that ended here.
  uint64_t Take(uint64_t at, size_t size) {
    if (at != tail_end_) tail_ = 0;
    searcher_->Search(at - tail_, {piece_ - tail_, tail_ + size});
    account_.bytes_read += size;
    const size_t keep = std::min(tail_ + size, Searcher::kOverlap);
    memmove(piece_ - keep, piece_ + size - keep, keep);
    tail_ = keep;
    tail_end_ = at + size;
    return tail_end_;
  }

  void NoteUnreadable(const UnreadableRange& range) {
    if (!account_.unreadable.empty()) {
      UnreadableRange& last = account_.unreadable.back();
      if (last.end == range.begin && last.name == range.name && last.error == range.error) {
        last.end = range.end;
        return;
      }
    }
    account_.unreadable.push_back(range);
  }

  Memory* memory_;
  Searcher* searcher_;
  Progress progress_;
  PrivatePages pages_;  // One page for the tail, then the piece.
  uint8_t* piece_;
  size_t tail_ = 0;
  uint64_t tail_end_ = 0;
  SweepAccount account_;
};

}  // namespace

std::string NameAt(const Memory& memory, uint64_t address) {
  const auto& mappings = memory.mappings();
  const auto after = std::upper_bound(
      mappings.begin(), mappings.end(), address,
      [](uint64_t value, const Mapping& mapping) { return value < mapping.begin; });
  return after == mappings.begin() ? "unknown" : std::prev(after)->name;
}

SweepAccount Sweep(Memory* memory, Searcher* searcher, bool progress) {
  return Sweeper(memory, searcher, progress).Run();
}

}  // namespace secure_alloc
