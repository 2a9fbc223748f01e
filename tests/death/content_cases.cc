#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "tests/death/misuse.h"

namespace secure_alloc::test {
namespace {

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

// Zeros, or no page at all: the kernel tells which without a fault.
bool HoldsNothing(const char* bytes, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  bool nothing = true;
  for (size_t at = 0; at < size && nothing; at += 1024) {
    char copy[1024];
    const size_t piece = std::min(size - at, sizeof copy);
    const ssize_t written = write(ends[1], bytes + at, piece);
    if (written < 0) continue;
    nothing = read(ends[0], copy, sizeof copy) == written &&
              AllBytesAre(copy, static_cast<size_t>(written), 0);
  }
  close(ends[0]);
  close(ends[1]);
  return nothing;
}

bool ReallocWipesTheOldPlace(const Setting& s) {
  char* const p = NewAmongOthers(s);
  memset(p, 0x5A, s.size);
  char* const moved = Hidden(realloc(p, s.size * 8));
  return moved != p && AllBytesAre(moved, s.size, 0x5A) && HoldsNothing(Hidden(p), s.size);
}

bool ArraysAreZero(const Setting& s) {
  for (int i = 0; i < 64; ++i) {
    char* const p = Hidden(s.AllocateArray(s.size / 8, 8));
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

bool ReadOfSizeZero(const Setting& s) { return *Hidden(s.Allocate(0)) != 0; }

bool WriteToSizeZero(const Setting& s) {
  *Hidden(s.Allocate(0)) = 1;
  return false;
}

bool CopyToSizeZero(const Setting& s) {
  memcpy(Hidden(s.Allocate(0)), "x", 1);
  return false;
}

bool FreeOfSizeZero(const Setting& s) {
  char* const a = Hidden(s.Allocate(0));
  char* const b = Hidden(s.Allocate(0));
  if (a == nullptr || a == b) return false;
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

const Case kContentCases[] = {
    {"read after free sees zeros", ReadAfterFreeSeesZeros, End::kHolds, End::kHolds},
    {"freed is not next", FreedIsNotNext, End::kHolds, End::kHolds},
    {"new memory is zero", NewMemoryIsZero, End::kHolds, End::kHolds},
    {"calloc is zero", ArraysAreZero, End::kHolds, End::kHolds},
    {"realloc keeps, and zeroes its tail", ReallocKeepsAndZeroes, End::kHolds, End::kHolds},
    {"realloc wipes the old place", ReallocWipesTheOldPlace, End::kHolds, End::kHolds},
    {"read of size zero", ReadOfSizeZero, End::kSegv, End::kSegv},
    {"write to size zero", WriteToSizeZero, End::kSegv, End::kSegv},
    {"memcpy to size zero", CopyToSizeZero, End::kSegv, End::kSegv},
    {"free of size zero", FreeOfSizeZero, End::kHolds, End::kHolds},
    {"double free of size zero", DoubleFreeOfSizeZero, End::kDoubleFree, End::kDoubleFree},
    {"impossible sizes are ENOMEM", ImpossibleSizes, End::kHolds, End::kHolds},
    {"the heap is not executable", CodeInTheHeap, End::kSegv, End::kSegv},
};
const size_t kContentCaseCount = sizeof kContentCases / sizeof kContentCases[0];

}  // namespace secure_alloc::test
