#include "tests/conformance/area.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace secure_alloc::conformance {
namespace {

constexpr int kAccess = PROT_READ | PROT_WRITE;
constexpr Area kNone{Kind::kSecret, nullptr, 0, -1};

// Aligned address space, to be mapped over.
char* Place(size_t size, size_t alignment) {
  void* place = mmap(nullptr, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return nullptr;
  const uintptr_t address = reinterpret_cast<uintptr_t>(place);
  return reinterpret_cast<char*>((address + alignment - 1) / alignment * alignment);
}

// A spent limit is an error code here; by a store it would be SIGBUS.
bool FaultIn(char* data, size_t size) {
  for (size_t at = 0; at < size; at += kPage) {
    if (getrandom(data + at, 1, 0) != 1) return false;
  }
  return true;
}

Area MapSecret(char* place, size_t size) {
  const int file = static_cast<int>(syscall(SYS_memfd_secret, 0));
  if (file < 0 || ftruncate(file, static_cast<off_t>(size)) != 0) return kNone;
  void* data = mmap(place, size, kAccess, MAP_SHARED | MAP_FIXED, file, 0);
  if (data == MAP_FAILED || !FaultIn(place, size)) return kNone;
  return {Kind::kSecret, place, size, file};
}

Area MapAnonymous(Kind kind, char* place, size_t size) {
  void* data = mmap(place, size, kAccess, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (data == MAP_FAILED) return kNone;
  if (kind == Kind::kLocked &&
      (mlock(data, size) != 0 || madvise(data, size, MADV_DONTDUMP) != 0)) {
    return kNone;
  }
  return {kind, place, size, -1};
}

// Through a pipe: the kernel touches the byte, and says so when it can't.
bool Readable(const char* byte) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const bool readable = write(ends[1], byte, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return readable;
}

}  // namespace

// splitmix64's finish: no two stretches of it are alike.
char PatternAt(size_t i) {
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return static_cast<char>(x ^ x >> 31);
}

void Area::Fill() const {
  for (size_t i = 0; i < size; ++i) data[i] = PatternAt(i);
}

bool Area::Intact() const {
  for (size_t i = 0; i < size; ++i) {
    if (data[i] != PatternAt(i)) return false;
  }
  return true;
}

const char* Area::Contents() const {
  if (!Readable(data)) return ", inaccessible";
  if (Intact()) return "";
  for (size_t i = 0; i < size; ++i) {
    if (data[i] != 0) return ", changed";
  }
  return ", zeroed";
}

Area MakeArea(Kind kind, size_t size, size_t alignment) {
  char* place = Place(size, alignment);
  if (place == nullptr) return kNone;
  const Area area =
      kind == Kind::kSecret ? MapSecret(place, size) : MapAnonymous(kind, place, size);
  if (area.data != nullptr) area.Fill();
  return area;
}

}  // namespace secure_alloc::conformance
