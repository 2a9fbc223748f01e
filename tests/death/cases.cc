#include "tests/death/cases.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "include/secure_alloc/secure_alloc.h"

extern "C" void free_sized(void* ptr, size_t size);

namespace secure_alloc::test {

void* Setting::Allocate(size_t bytes) const {
  return secret ? secalloc_malloc(bytes) : malloc(bytes);
}

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// The compiler knows what free and malloc do: it must not see where a pointer is from.
char* Hidden(void* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return static_cast<char*>(pointer);
}

char* New(const Setting& s) { return Hidden(s.Allocate()); }

bool AllBytesAre(const char* bytes, size_t size, char value) {
  return std::all_of(bytes, bytes + size, [=](char byte) { return byte == value; });
}

// Allocates and frees until the freed place comes back, or for so long that it should have.
char* AllocateUntil(const Setting& s, const char* place) {
  char* live[16] = {};
  const size_t most = s.size > 8192 ? 500 : 20000;
  for (size_t i = 0; i < most; ++i) {
    char* const object = New(s);
    if (object == place) return object;
    free(live[i % 16]);
    live[i % 16] = object;
  }
  return nullptr;
}

// Some neighbours that stay, so that the object's arena does.
char* NewAmongOthers(const Setting& s) {
  char* object = nullptr;
  for (int i = 0; i < 8; ++i) {
    char* const one = New(s);
    if (i == 4) object = one;
  }
  return object;
}

// --- Frees ---------------------------------------------------------------------------

bool DoubleFreeAtOnce(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  free(Hidden(p));
  return false;
}

bool DoubleFreeAmongOthers(const Setting& s) {
  char* others[16];
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
  free_sized(New(s), s.size + 1);
  return false;
}

bool WrongSizedDelete(const Setting& s) {
  operator delete(New(s), s.size - 1);
  return false;
}

bool RightSizedFree(const Setting& s) {
  free_sized(New(s), s.size);
  operator delete(New(s), s.size);
  return true;
}

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

// --- Writes beside an object -----------------------------------------------------------

// A stray terminator is the overflow that check bytes are never equal to.
bool OverflowByOne(const Setting& s) {
  char* const p = New(s);
  p[s.size] = 0;
  free(p);
  return false;
}

bool OverflowByOneOfFull(const Setting& s) {
  const size_t full = s.size < 32 ? 31 : s.size - 1;  // Nothing but the check byte is left.
  char* const p = Hidden(s.Allocate(full));
  p[full] = 0;
  free(p);
  return false;
}

bool OverflowBy32(const Setting& s) {
  char* const p = New(s);
  memset(Hidden(p + s.size), 0, 32);
  free(p);
  return false;
}

bool OverflowByMiB(const Setting& s) {
  char* const p = New(s);
  memset(Hidden(p + s.size), 0, kMiB);
  free(p);
  return false;
}

bool OverflowSeenByRealloc(const Setting& s) {
  char* const p = New(s);
  p[s.size] = 0;
  return realloc(p, s.size * 2) == nullptr;
}

bool UnderflowByOne(const Setting& s) {
  constexpr size_t kMany = 64;
  char* objects[kMany];
  const size_t many = s.size > 8192 ? 2 : kMany;
  for (size_t i = 0; i < many; ++i) objects[i] = New(s);
  std::sort(objects, objects + many);
  ptrdiff_t slot = objects[1] - objects[0];
  for (size_t i = 2; i < many; ++i) slot = std::min(slot, objects[i] - objects[i - 1]);
  for (size_t i = 1; i < many; ++i) {
    // The first of a slab may have nothing before it that can be written to.
    if (objects[i] - objects[i - 1] == slot) objects[i][-1] = 0;
  }
  for (size_t i = 0; i < many; ++i) free(objects[i]);
  return false;
}

// --- After free ------------------------------------------------------------------------

bool WriteAfterFree(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  Hidden(p)[s.size / 2] = 1;
  char* const again = AllocateUntil(s, p);
  if (again == nullptr) free(Hidden(p));  // Not reused: no verdict, a wrong end.
  return false;
}

bool ReadAfterFreeSeesZeros(const Setting& s) {
  char* const p = NewAmongOthers(s);
  memset(p, 0x5A, s.size);
  free(p);
  return AllBytesAre(Hidden(p), s.size, 0);
}

bool FreedIsNotNext(const Setting& s) {
  for (int i = 0; i < 64; ++i) {
    char* const p = New(s);
    free(p);
    char* const next = New(s);
    if (next == p) return false;
    free(next);
  }
  return true;
}

bool NewMemoryIsZero(const Setting& s) {
  for (int i = 0; i < 64; ++i) {
    char* const p = New(s);
    if (!AllBytesAre(p, s.size, 0)) return false;
    memset(p, 0x5A, s.size);
    free(p);
  }
  return true;
}

bool ReallocKeepsAndZeroes(const Setting& s) {
  char* const p = New(s);
  memset(p, 0x5A, s.size);
  char* const grown = Hidden(realloc(p, s.size * 3));
  const bool kept = AllBytesAre(grown, s.size, 0x5A) && AllBytesAre(grown + s.size, s.size * 2, 0);
  memset(grown, 0x5A, s.size * 3);
  char* const shrunk = Hidden(realloc(grown, s.size * 2));
  char* const regrown = Hidden(realloc(shrunk, s.size * 3));
  return kept && AllBytesAre(regrown, s.size * 2, 0x5A) &&
         AllBytesAre(regrown + s.size * 2, s.size, 0);
}

// --- Odd sizes, code ---------------------------------------------------------------------

bool ReadOfSizeZero(const Setting& s) { return *Hidden(s.Allocate(0)) != 0; }

bool WriteToSizeZero(const Setting& s) {
  *Hidden(s.Allocate(0)) = 1;
  return false;
}

bool FreeOfSizeZero(const Setting& s) {
  char* const a = Hidden(s.Allocate(0));
  char* const b = Hidden(s.Allocate(0));
  if (a == nullptr || a == b || malloc_usable_size(a) != 0) return false;
  free(a);
  free(b);
  return true;
}

bool DoubleFreeOfSizeZero(const Setting& s) {
  char* const p = Hidden(s.Allocate(0));
  free(p);
  free(Hidden(p));
  return false;
}

bool ImpossibleSizes(const Setting& s) {
  for (const size_t size :
       {SIZE_MAX, SIZE_MAX - 4096, size_t{PTRDIFF_MAX} + 1, size_t{PTRDIFF_MAX}, size_t{1} << 47}) {
    errno = 0;
    if (Hidden(s.Allocate(size)) != nullptr || errno != ENOMEM) return false;
  }
  return true;
}

bool CodeInTheHeap(const Setting& s) {
  char* const p = New(s);
  *p = static_cast<char>(0xC3);  // x86-64's `ret`: comes back if the heap is executable
  asm volatile("call *%0" : : "r"(p) : "memory");
  return false;
}

}  // namespace

const Case kCases[] = {
    {"double free, at once", DoubleFreeAtOnce, End::kDoubleFree, End::kDoubleFree,
     End::kDoubleFree},
    {"double free, other frees between", DoubleFreeAmongOthers, End::kDoubleFree, End::kDoubleFree,
     End::kDoubleFree},
    // A large object that left the queue is no object any more.
    {"double free, delayed", DoubleFreeDelayed, End::kDoubleFree, End::kInvalidFree,
     End::kInvalidFree},
    {"double free, slot reused", DoubleFreeAfterReuse, End::kDoubleFree, End::kDoubleFree,
     End::kDoubleFree},
    {"double free, by another thread", DoubleFreeByOtherThread, End::kDoubleFree, End::kDoubleFree,
     End::kDoubleFree},
    {"free of stack", FreeOfStack, End::kInvalidFree, End::kInvalidFree, End::kInvalidFree},
    {"free of a global", FreeOfGlobal, End::kInvalidFree, End::kInvalidFree, End::kInvalidFree},
    {"free of another mapping", FreeOfOtherMapping, End::kInvalidFree, End::kInvalidFree,
     End::kInvalidFree},
    {"free inside, 16 bytes in", FreeInsideAligned, End::kInvalidFree, End::kInvalidFree,
     End::kInvalidFree},
    {"free inside, 1 byte in", FreeInsideUnaligned, End::kInvalidFree, End::kInvalidFree,
     End::kInvalidFree},
    {"free inside, in the middle", FreeInTheMiddle, End::kInvalidFree, End::kInvalidFree,
     End::kInvalidFree},
    {"free of one past the end", FreeOnePastTheEnd, End::kInvalidFree, End::kInvalidFree,
     End::kInvalidFree},
    {"free_sized, wrong size", WrongSizedFree, End::kWrongSize, End::kWrongSize, End::kWrongSize},
    {"sized delete, wrong size", WrongSizedDelete, End::kWrongSize, End::kWrongSize,
     End::kWrongSize},
    {"sized frees, right size", RightSizedFree, End::kHolds, End::kHolds, End::kHolds},
    {"realloc of a freed object", ReallocOfFreed, End::kFreedUse, End::kFreedUse, End::kFreedUse},
    {"malloc_usable_size of a freed object", UsableSizeOfFreed, End::kFreedUse, End::kFreedUse,
     End::kFreedUse},
    {"overflow by 1", OverflowByOne, End::kOverflow, End::kOverflow, End::kOverflow},
    {"overflow by 1, object exactly full", OverflowByOneOfFull, End::kOverflow, End::kOverflow,
     End::kOverflow},
    {"overflow by 32", OverflowBy32, End::kOverflow, End::kOverflow, End::kOverflow},
    {"overflow by 1 MiB", OverflowByMiB, End::kSegv, End::kSegv, End::kSegv},
    {"overflow by 1, seen by realloc", OverflowSeenByRealloc, End::kOverflow, End::kOverflow,
     End::kOverflow},
    {"underflow by 1", UnderflowByOne, End::kOverflow, End::kSegv, End::kSegv},
    {"write after free, seen at reuse", WriteAfterFree, End::kWriteAfterFree, End::kWriteAfterFree,
     End::kWriteAfterFree},
    {"read after free sees zeros", ReadAfterFreeSeesZeros, End::kHolds, End::kHolds, End::kHolds},
    {"freed is not next", FreedIsNotNext, End::kHolds, End::kHolds, End::kHolds},
    {"new memory is zero", NewMemoryIsZero, End::kHolds, End::kHolds, End::kHolds},
    {"realloc keeps, and zeroes its tail", ReallocKeepsAndZeroes, End::kHolds, End::kHolds,
     End::kHolds},
    {"read of size zero", ReadOfSizeZero, End::kSegv, End::kSegv, End::kSegv},
    {"write to size zero", WriteToSizeZero, End::kSegv, End::kSegv, End::kSegv},
    {"free of size zero", FreeOfSizeZero, End::kHolds, End::kHolds, End::kHolds},
    {"double free of size zero", DoubleFreeOfSizeZero, End::kDoubleFree, End::kDoubleFree,
     End::kDoubleFree},
    {"impossible sizes are ENOMEM", ImpossibleSizes, End::kHolds, End::kHolds, End::kHolds},
    {"the heap is not executable", CodeInTheHeap, End::kSegv, End::kSegv, End::kSegv},
};
const size_t kCaseCount = sizeof kCases / sizeof kCases[0];

}  // namespace secure_alloc::test
