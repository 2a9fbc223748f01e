#include <atomic>
#include <new>

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include "tests/death/misuse.h"

// C23; not every allocator has it.
extern "C" [[gnu::weak]] void free_sized(void* ptr, size_t size);

namespace secure_alloc::test {
namespace {

bool DoubleFreeAtOnce(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  free(Hidden(p));
  return false;
}

bool DoubleFreeAmongOthers(const Setting& s) {
  char* others[8];  // Few enough that a large object still waits for reuse.
  for (char*& other : others) other = New(s);
  char* const p = NewAmongOthers(s);
  free(p);
  for (char* other : others) free(other);
  free(Hidden(p));
  return false;
}

bool DoubleFreeDelayed(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  char* others[40];  // Of another size, so not in its place; more than wait for reuse.
  for (char*& other : others) other = Hidden(s.Allocate(s.size * 2));
  for (char* other : others) free(other);
  free(Hidden(p));
  return false;
}

bool DoubleFreeAfterReuse(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  char* const owner = AllocateUntil(s, p);
  if (owner == nullptr) return false;
  free(Hidden(p));  // Takes the new owner's object away ...
  free(owner);      // ... which the owner's own free shows.
  return false;
}

void* FreeInThread(void* object) {
  free(object);
  return nullptr;
}

bool DoubleFreeByOtherThread(const Setting& s) {
  char* const p = NewAmongOthers(s);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, FreeInThread, p) != 0) return false;
  pthread_join(thread, nullptr);
  free(Hidden(p));
  return false;
}

// Both may see a live object. Then the slot is free twice, which shows when it is handed out
// while its other owner lives, or goes back to its slab again. Or one sees the other wipe.
bool DoubleFreeAtTheSameTime(const Setting& s) {
  char* const p = NewAmongOthers(s);
  struct Race {
    char* object;
    std::atomic<int> ready{0};
    static void* Run(void* argument) {
      Race& race = *static_cast<Race*>(argument);
      free(New({8, Home::kPublic}));  // Has its caches now.
      race.ready.fetch_add(1);
      while (race.ready.load() != 2) {
      }
      free(race.object);
      return nullptr;
    }
  } race{p};
  pthread_t thread;
  if (pthread_create(&thread, nullptr, Race::Run, &race) != 0) return false;
  Race::Run(&race);
  pthread_join(thread, nullptr);
  for (int i = 0; i < 4000; ++i) New(s);
  malloc_trim(0);  // What this thread's cache holds back goes to its slab.
  return false;
}

bool FreeOfStack(const Setting&) {
  alignas(16) char object[64] = {};
  free(Hidden(object));
  return false;
}

bool FreeOfGlobal(const Setting&) {
  alignas(16) static char object[64];
  free(Hidden(object));
  return false;
}

bool FreeBeforeTheStart(const Setting& s) {
  free(Hidden(New(s) - 16));
  return false;
}

bool FreeInsideFreed(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  free(Hidden(p + 16));
  return false;
}

bool FreeOfOtherMapping(const Setting& s) {
  free(Hidden(mmap(nullptr, s.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
  return false;
}

bool FreeInsideAligned(const Setting& s) {
  free(Hidden(New(s) + 16));
  return false;
}

bool FreeInsideUnaligned(const Setting& s) {
  free(Hidden(New(s) + 1));
  return false;
}

bool FreeInTheMiddle(const Setting& s) {
  free(Hidden(New(s) + s.size / 2));
  return false;
}

bool FreeOnePastTheEnd(const Setting& s) {
  free(Hidden(New(s) + s.size));
  return false;
}

bool WrongSizedFree(const Setting& s) {
  if (free_sized == nullptr) return false;
  free_sized(New(s), s.size + 1);
  return false;
}

bool WrongSizedDelete(const Setting& s) {
  operator delete(New(s), s.size - 1);
  return false;
}

bool RightSizedFree(const Setting& s) {
  if (free_sized != nullptr) free_sized(New(s), s.size);
  // The option `mismatch` tells new from malloc.
  operator delete(Hidden(operator new(s.size)), s.size);
  return true;
}

bool WrongSizedArrayDelete(const Setting& s) {
  operator delete[](New(s), s.size * 2);
  return false;
}

bool ReallocInside(const Setting& s) { return realloc(Hidden(New(s) + 16), s.size) == nullptr; }

bool ReallocOfFreed(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  return realloc(Hidden(p), s.size * 2) == nullptr;
}

bool UsableSizeOfFreed(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  return malloc_usable_size(Hidden(p)) == 0;
}

}  // namespace

const Case kFreeCases[] = {
    {"double free, at once", DoubleFreeAtOnce, End::kDoubleFree, End::kDoubleFree},
    {"double free, other frees between", DoubleFreeAmongOthers, End::kDoubleFree, End::kDoubleFree},
    // A large object that left the queue is no object any more.
    {"double free, delayed", DoubleFreeDelayed, End::kDoubleFree, End::kInvalidFree},
    {"double free, slot reused", DoubleFreeAfterReuse, End::kDoubleFree, End::kDoubleFree},
    {"double free, by another thread", DoubleFreeByOtherThread, End::kDoubleFree, End::kDoubleFree},
    {"double free, at the same time", DoubleFreeAtTheSameTime, End::kDoubleFreeRace,
     End::kDoubleFreeRace},
    {"free of stack", FreeOfStack, End::kInvalidFree, End::kInvalidFree},
    {"free of a global", FreeOfGlobal, End::kInvalidFree, End::kInvalidFree},
    {"free of another mapping", FreeOfOtherMapping, End::kInvalidFree, End::kInvalidFree},
    {"free inside, 16 bytes in", FreeInsideAligned, End::kInvalidFree, End::kInvalidFree},
    {"free inside, 1 byte in", FreeInsideUnaligned, End::kInvalidFree, End::kInvalidFree},
    {"free inside, in the middle", FreeInTheMiddle, End::kInvalidFree, End::kInvalidFree},
    {"free inside a freed object", FreeInsideFreed, End::kInvalidFree, End::kInvalidFree},
    {"free of one past the end", FreeOnePastTheEnd, End::kInvalidFree, End::kInvalidFree},
    {"free of 16 bytes before the start", FreeBeforeTheStart, End::kInvalidFree, End::kInvalidFree},
    {"free_sized, wrong size", WrongSizedFree, End::kWrongSize, End::kWrongSize},
    {"sized delete, wrong size", WrongSizedDelete, End::kWrongSize, End::kWrongSize},
    {"sized delete[], wrong size", WrongSizedArrayDelete, End::kWrongSize, End::kWrongSize},
    {"sized frees, right size", RightSizedFree, End::kHolds, End::kHolds},
    {"realloc of a freed object", ReallocOfFreed, End::kFreedUse, End::kFreedUse},
    {"realloc inside an object", ReallocInside, End::kFreedUse, End::kFreedUse},
    {"malloc_usable_size of a freed object", UsableSizeOfFreed, End::kFreedUse, End::kFreedUse},
};
const size_t kFreeCaseCount = sizeof kFreeCases / sizeof kFreeCases[0];

}  // namespace secure_alloc::test
