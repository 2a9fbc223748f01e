#include "tests/stress/worker.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "allocator/heap/live_object.h"
#include "include/secure_alloc/secure_alloc.h"
#include "tests/unit/child.h"

namespace secure_alloc::test {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

constexpr int kErrno = 77;  // Success must leave it alone.

bool IsRefusal(int error) {
  return error == EAGAIN || error == ENOMEM || error == EBUSY || error == EOPNOTSUPP;
}

bool IsSecret(const Object& object) {
  ObjectInfo info;
  return Inspect(object.bytes, nullptr, &info) && info.first_bin != 0;
}

bool IsPromoted(const Object& object) {
  secalloc_info info;
  return secalloc_query(object.bytes, &info) == 0 && info.promoted != 0;
}

// A page is demoted for all objects in it: a promoted one stays so only if no demotion was under
// way meanwhile.
struct Demotions {
  std::atomic<uint64_t> begun{0}, ended{0};
};
constinit Demotions demotions;

class Undemoted {
 public:
  bool Holds() const { return at_rest_ && demotions.begun == begun_; }

 private:
  const uint64_t begun_ = demotions.begun;
  const bool at_rest_ = demotions.ended == begun_;
};

bool Tell(Counts& counts, bool holds, const char* sentence) {
  if (holds) return true;
  ++counts.failures;
  fprintf(stderr, "FAILED: %s\n", sentence);
  return false;
}

}  // namespace

bool Worker::Check(bool holds, const char* sentence) { return Tell(counts_, holds, sentence); }

size_t Worker::RandomSize() {
  const uint64_t kind = random_() % 1000;
  const size_t most = kind < 600 ? 400 : kind < 950 ? 9000 : kind < 998 ? 150000 : 3000000;
  return 1 + random_() % most;
}

void Worker::Allocate(Object& object) {
  const entry::Call call = kBoth[random_() % 2];
  const size_t size = RandomSize(), alignment = random_() % 8 == 0 ? 16u << random_() % 13 : 1;
  errno = kErrno;
  void* const bytes = alignment == 1 ? entry::Allocate(size, call)
                                     : entry::AllocateAligned(alignment, size, call);
  if (bytes == nullptr) {
    Check(errno == ENOMEM, "a refusal is ENOMEM");
    ++counts_.refused;
    return;
  }
  object = {static_cast<unsigned char*>(bytes), size, random_()};
  Check(errno == kErrno, "errno stays");
  Check(Address(bytes) % std::max<size_t>(alignment, 16) == 0, "objects are aligned");
  Check(AreZero(object.bytes, size), "memory is zero when it is handed out");
  Check(entry::UsableSize(bytes, call) == size, "the usable size is the asked size");
  Check(IsSecret(object) == (call.first_bin != 0), "an object is of the domain it was asked of");
  object.Fill();
  ++counts_.allocated;
}

void Worker::Resize(Object& object) {
  const entry::Call call = kBoth[random_() % 2];
  const size_t size = random_() % 2 == 0 ? RandomSize() : 1 + random_() % (object.size * 2);
  const Undemoted undemoted;
  const bool secret = IsSecret(object) || call.first_bin != 0, promoted = IsPromoted(object);
  void* const bytes = entry::Resize(object.bytes, size, call);
  if (bytes == nullptr) {
    Check(object.IsIntact(), "a refused resize leaves the object as it was");
    ++counts_.refused;
    return;
  }
  const size_t kept = std::min(size, object.size);
  object = {static_cast<unsigned char*>(bytes), size, object.number};
  Check(object.IsIntact(kept), "a resize keeps the contents");
  Check(AreZero(object.bytes + kept, size - kept), "what a resize adds is zero");
  Check(!secret || IsSecret(object), "a secret stays secret");
  Check(!promoted || IsSecret(object) || IsPromoted(object) || !undemoted.Holds(),
        "what was promoted stays secret");
  object.Fill();
  ++counts_.resized;
}

void Worker::Free(Object& object) {
  if (object.bytes == nullptr) return;
  Check(object.IsIntact(), "contents stay until they are freed");
  errno = kErrno;
  entry::Free(object.bytes, kPublic);
  Check(errno == kErrno, "free keeps errno");
  object = {};
  ++counts_.freed;
}

void Worker::Convert(const Object& object) {
  // The thread sanitizer has a thread of its own that blocks all signals: none can be stopped.
  constexpr int kMethods[] = {0, SECALLOC_BY_FAULTS, SECALLOC_BY_USER_FAULTS,
                              kThreadSanitizer ? 0 : SECALLOC_BY_STOPPING};
  if (object.bytes == nullptr || IsSecret(object)) return;
  const int advice = random_() % 3 == 0 ? SECALLOC_MADV_NORMAL : SECALLOC_MADV_SECRET;
  const bool demotes = advice == SECALLOC_MADV_NORMAL;
  if (demotes) ++demotions.begun;
  const bool done = secalloc_mark(object.bytes, advice | kMethods[random_() % 4]) == 0;
  if (demotes) ++demotions.ended;
  Check(object.IsIntact(), "contents stay when their pages are exchanged");
  ++(done ? counts_.converted : counts_.conversions_refused);
  if (!done) Check(IsRefusal(errno), "a conversion is refused for want of something");
}

void Worker::Step(Object& object) {
  if (object.bytes == nullptr) return Allocate(object);
  Check(object.IsIntact(), "contents stay");
  if (random_() % 4 == 0) return Resize(object);
  Free(object);
}

// The exit status: 0, or which check failed.
int Worker::BeAChild() {
  const long failures = counts_.failures;
  for (const Object& object : own_) {
    if (object.bytes != nullptr && !object.IsIntact()) return 1;
  }
  for (int i = 0; i < 300; ++i) Step(own_[Below(random_, kOwn)]);
  for (Object& object : own_) Free(object);
  entry::Trim();
  return counts_.failures == failures ? 0 : 2;
}

bool Worker::TryFork() {
  if (BeginFork() != 0) {
    ++counts_.forks_refused;
    return false;
  }
  const pid_t child = fork();
  EndFork();
  if (child == 0) _exit(BeAChild());
  if (child < 0 && (errno == EAGAIN || errno == ENOMEM)) {
    ++counts_.forks_refused;
    return false;
  }
  Check(EndOf(child) == 0, "a child has whole secrets and a working heap");
  ++counts_.forks;
  return true;
}

void Worker::MakeRoom() {
  for (Cell& cell : cells_) {
    std::lock_guard lock(cell.mutex);
    if (random_() % 8 != 0) Clear(cell, counts_);
  }
  entry::Trim();
}

void Worker::Work(const std::atomic<bool>& stop) {
  while (!stop && counts_.failures == 0) {
    const uint64_t kind = random_() % 100000;
    if (kind < 15) {
      if (TryFork()) continue;
      MakeRoom();
      (void)TryFork();  // A limit may be spent.
    } else if (kind < 20) {
      entry::Trim();
    } else if (kind < 200) {
      Cell& cell = cells_[Below(random_, cells_.size())];
      std::lock_guard lock(cell.mutex);
      Convert(cell.object);
    } else if (kind < 20000) {
      Step(own_[Below(random_, kOwn)]);
    } else {
      Cell& cell = cells_[Below(random_, cells_.size())];
      std::lock_guard lock(cell.mutex);
      Step(cell.object);
    }
  }
  for (Object& object : own_) Free(object);
}

void Clear(Cell& cell, Counts& counts) {
  if (cell.object.bytes == nullptr) return;
  Tell(counts, cell.object.IsIntact(), "contents stay to the end");
  entry::Free(cell.object.bytes, kPublic);
  cell.object = {};
  ++counts.freed;
}

}  // namespace secure_alloc::test
