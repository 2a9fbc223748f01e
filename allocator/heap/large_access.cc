// The part of the store of large objects that restricts access to them.
#include "allocator/base/fault.h"
#include "allocator/heap/large.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

int Apply(const Run& run, Access access) {
  return os::SetAccess(run.address(), run.bytes(), access != Access::kNone,
                       access == Access::kReadWrite);
}

template <typename Visit>
void ForEachClosedRun(PageHeap& pages, Visit visit) SA_NO_THREAD_SAFETY {
  pages.ForEachArena([&](Arena& arena) {
    for (Pages page = 0; page < arena.grown; ++page) {
      const PageInfo& info = arena.info[page];
      if (info.kind == PageKind::kLarge && info.first == page) {
        const Run run = {&arena, page, info.next};
        if (AccessOf(run) != Access::kReadWrite) visit(run);
      }
      if (arena.whole) break;
    }
  });
}

}  // namespace

int LargeStore::SetAccess(void* object, Access access) {
  MutexLock lock(mutex_);
  const Run run = RunOf(object);
  if (AccessOf(run) == access) return 0;
  if (const int error = Apply(run, access); error != 0) return error;
  closed_runs_ -= AccessOf(run) != Access::kReadWrite;
  closed_runs_ += access != Access::kReadWrite;
  NoteAccess(run, access);
  return 0;
}

void LargeStore::Open(const Run& run) {
  if (AccessOf(run) != Access::kReadWrite) {
    SA_CHECK(SetAccess(ExtentOf(run).object, Access::kReadWrite) == 0);
  }
}

void LargeStore::OpenAll(PageHeap& pages) {
  if (closed_runs_ == 0) return;
  ForEachClosedRun(pages, [](const Run& run) { SA_CHECK(Apply(run, Access::kReadWrite) == 0); });
}

void LargeStore::CloseAll(PageHeap& pages) {
  if (closed_runs_ == 0) return;
  ForEachClosedRun(pages, [](const Run& run) { SA_CHECK(Apply(run, AccessOf(run)) == 0); });
}

}  // namespace secure_alloc
