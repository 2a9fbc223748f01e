#include <malloc.h>

#include <cstring>

#include "tests/death/misuse.h"

namespace secure_alloc::test {
namespace {

// How the bytes are written: by the program's own stores, or by a library's.
void StoreZeros(char* to, size_t count) {
  volatile char* const bytes = to;
  for (size_t i = 0; i < count; ++i) bytes[i] = 0;
}

void CopyZeros(char* to, size_t count) {
  static const char zeros[kMiB] = {};
  memcpy(Hidden(to), zeros, count);
}

using Write = void (*)(char* to, size_t count);

// A stray terminator is the overflow that check bytes are never equal to.
template <Write kWrite, size_t kBytes>
bool Overflow(const Setting& s) {
  char* const p = New(s);
  kWrite(p + s.size, kBytes);
  free(p);
  return false;
}

template <Write kWrite>
bool OverflowOfFull(const Setting& s) {
  const size_t full = s.size < 32 ? 31 : s.size - 1;  // Nothing but the check byte is left.
  char* const p = Hidden(s.Allocate(full));
  kWrite(p + full, 1);
  free(p);
  return false;
}

bool OverflowSeenByRealloc(const Setting& s) {
  char* const p = New(s);
  p[s.size] = 0;
  return realloc(p, s.size * 2) == nullptr;
}

bool OverflowSeenByUsableSize(const Setting& s) {
  char* const p = New(s);
  p[s.size] = 0;
  return malloc_usable_size(p) == 0;
}

bool OverflowSeenAtExit(const Setting& s) {
  char* const p = NewAmongOthers(s);
  p[s.size] = 0;
  exit(1);
}

template <Write kWrite, size_t kBytes>
bool Underflow(const Setting& s) {
  const Neighbours neighbours(s);
  // The first of a slab may have nothing before it that can be written to.
  neighbours.ForEachBehindAnother([](char* object) { kWrite(object - kBytes, kBytes); });
  neighbours.FreeAll();
  return false;
}

// Downwards, as a loop that missed its end.
bool UnderflowByMiB(const Setting& s) {
  char* const p = NewAmongOthers(s);
  for (size_t i = 1; i <= kMiB; ++i) Hidden(p)[-static_cast<ptrdiff_t>(i)] = 0;
  free(p);
  return false;
}

void StoreOne(char* to) { *to = 1; }
void CopyOne(char* to) { memcpy(to, "\1", 1); }

template <void (*kWrite)(char* to)>
bool WriteAfterFree(const Setting& s) {
  char* const p = NewAmongOthers(s);
  free(p);
  kWrite(Hidden(p) + s.size / 2);
  char* const again = AllocateUntil(s, p);
  if (again == nullptr) free(Hidden(p));  // Not reused: no verdict, a wrong end.
  return false;
}

}  // namespace

const Case kWriteCases[] = {
    {"overflow by 1, stores", Overflow<StoreZeros, 1>, End::kOverflow, End::kOverflow},
    {"overflow by 1, object exactly full, stores", OverflowOfFull<StoreZeros>, End::kOverflow,
     End::kOverflow},
    {"overflow by 32, stores", Overflow<StoreZeros, 32>, End::kOverflow, End::kOverflow},
    {"overflow by 1 MiB, stores", Overflow<StoreZeros, kMiB>, End::kSegv, End::kSegv},
    {"overflow by 1, memcpy", Overflow<CopyZeros, 1>, End::kOverflow, End::kOverflow},
    {"overflow by 1, object exactly full, memcpy", OverflowOfFull<CopyZeros>, End::kOverflow,
     End::kOverflow},
    {"overflow by 32, memcpy", Overflow<CopyZeros, 32>, End::kOverflow, End::kOverflow},
    {"overflow by 1 MiB, memcpy", Overflow<CopyZeros, kMiB>, End::kSegv, End::kSegv},
    {"overflow by 1, seen by realloc", OverflowSeenByRealloc, End::kOverflow, End::kOverflow},
    {"overflow by 1, seen by usable size", OverflowSeenByUsableSize, End::kOverflow,
     End::kOverflow},
    {"overflow by 1, seen at exit", OverflowSeenAtExit, End::kOverflow, End::kOverflow},
    {"underflow by 1, stores", Underflow<StoreZeros, 1>, End::kOverflow, End::kSegv},
    {"underflow by 32, stores", Underflow<StoreZeros, 32>, End::kOverflow, End::kSegv},
    {"underflow by 1, memcpy", Underflow<CopyZeros, 1>, End::kOverflow, End::kSegv},
    {"underflow by 32, memcpy", Underflow<CopyZeros, 32>, End::kOverflow, End::kSegv},
    {"underflow by 1 MiB", UnderflowByMiB, End::kSegv, End::kSegv},
    {"write after free, seen at reuse, stores", WriteAfterFree<StoreOne>, End::kWriteAfterFree,
     End::kWriteAfterFree},
    {"write after free, seen at reuse, memcpy", WriteAfterFree<CopyOne>, End::kWriteAfterFree,
     End::kWriteAfterFree},
};
const size_t kWriteCaseCount = sizeof kWriteCases / sizeof kWriteCases[0];

}  // namespace secure_alloc::test
