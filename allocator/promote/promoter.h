// secalloc_madvise: ranges of the program's memory become secret, and ordinary again.
//
// A call takes effect wholly or not at all: everything is looked at before anything is changed,
// and if a later step is refused, what this call has promoted is demoted again. (If that is
// refused as well, those pages stay secret, and queries say so.) A demotion that is refused
// in the middle leaves what it has done.
//
// Where memory is: registry.h. Each range is cut into runs of 2^k pages, each a file of the
// pool and one window in which others wait.
//
// Fork: as arenas (page_heap.h): copies are mapped, charged and faulted in before fork, filled
// with every lock held, and moved into place by the child, with the protection in force.
//
// Locking: mutex() (rank 6), below a page heap's, for conversions give pages back and page heaps
// give promoted ones back. Nothing that allocates is called under it.
#pragma once

#include <cstddef>

#include "allocator/base/mutex.h"
#include "allocator/pages/promoted.h"
#include "allocator/promote/converter.h"
#include "allocator/promote/plan.h"
#include "allocator/promote/pool.h"
#include "allocator/promote/registry.h"

namespace secure_alloc {

struct PromotionUsage {
  size_t bytes;       // promoted now
  size_t pool_bytes;  // faulted in, for promotions to come
  size_t promotions;  // calls that succeeded
  size_t demotions;
};

class Promoter {
 public:
  constexpr explicit Promoter(Budget& budget) : registry_(budget), pool_(budget), budget_(budget) {}

  // Addresses and lengths are whole pages, length > 0. 0 or an errno value; the public header
  // has their meaning.
  struct How {
    Method method;  // kNone: the best there is
    bool unshared;  // EBUSY if a child forked earlier has the old pages
  };
  [[nodiscard]] int Promote(uintptr_t begin, uintptr_t end, How how);
  [[nodiscard]] int Demote(uintptr_t begin, uintptr_t end, Method method);
  [[nodiscard]] int Reserve(size_t bytes);

  // Free pages of an arena become ordinary and zero, without a window: see pages/promoted.h.
  [[nodiscard]] bool Release(uintptr_t begin, uintptr_t end);

  // Is this object of an ordinary arena promoted? Asked at every realloc(3).
  bool HasPromoted(const void* object) {
    return promoted_pages.bytes.load(std::memory_order_relaxed) != 0 && IsKnown(Address(object));
  }
  // How this address became secret; kNone if it is not promoted (any more).
  Method MethodOf(uintptr_t address);
  // The method that the next promotion will use.
  Method BestMethod();
  PromotionUsage GetUsage();
  void Trim();

  // Fork; see page_heap.h. Copies are made under fork=share, too: the program's own data and other
  // objects share these pages.
  [[nodiscard]] int MakeCopies();
  void KeepFromChildren() SA_REQUIRES(mutex_);
  [[nodiscard]] int FillCopies() SA_REQUIRES(mutex_);
  void DropCopies() SA_REQUIRES(mutex_);
  void AdoptCopies() SA_REQUIRES(mutex_);
  // Under fork=deny the child has nothing of it. In the space there is zero memory instead, and
  // `abandon` is called for it.
  void Abandon(void (*abandon)(void* address, size_t length)) SA_REQUIRES(mutex_);

  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  bool IsKnown(uintptr_t address);

  [[nodiscard]] int PromoteSegment(const Segment& segment, Converter& converter, bool unshared)
      SA_REQUIRES(mutex_);
  [[nodiscard]] int PromoteRun(uintptr_t begin, const PoolFile& file, int protection,
                               Converter& converter, bool unshared) SA_REQUIRES(mutex_);
  [[nodiscard]] int CheckDemotable(os::MappingReader& reader, uintptr_t begin, uintptr_t end,
                                   bool* as_known) SA_REQUIRES(mutex_);
  [[nodiscard]] int DemotePiece(size_t index, uintptr_t begin, uintptr_t end, Converter& converter)
      SA_REQUIRES(mutex_);
  void UndoCall(uintptr_t begin, uintptr_t end, Converter& converter) SA_REQUIRES(mutex_);
  [[nodiscard]] bool HasRoomFor(size_t bytes) SA_REQUIRES(mutex_);
  [[nodiscard]] int MakeCopy(PromotedFile& file) SA_REQUIRES(mutex_);
  void KeepOrUnmap(size_t index, uintptr_t begin, uintptr_t end, char* alias) SA_REQUIRES(mutex_);
  [[nodiscard]] bool ReleasePiece(size_t index, uintptr_t begin, uintptr_t end)
      SA_REQUIRES(mutex_);
  // Tells the figures; after each change of them.
  void Tell() SA_REQUIRES(mutex_);

  Mutex mutex_;
  Registry registry_ SA_GUARDED_BY(mutex_);
  Pool pool_ SA_GUARDED_BY(mutex_);
  Budget& budget_;
  uint32_t call_ SA_GUARDED_BY(mutex_) = 0;
  size_t promotions_ SA_GUARDED_BY(mutex_) = 0;
  size_t demotions_ SA_GUARDED_BY(mutex_) = 0;
  bool fork_under_way_ SA_GUARDED_BY(mutex_) = false;
};

extern constinit Promoter promoter;

}  // namespace secure_alloc
