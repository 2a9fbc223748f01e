#include "tests/death/misuse.h"

#include <unistd.h>

#include <algorithm>

namespace secure_alloc::test {

const Case* FindCase(size_t number) {
  if (number < kFreeCaseCount) return &kFreeCases[number];
  number -= kFreeCaseCount;
  if (number < kWriteCaseCount) return &kWriteCases[number];
  number -= kWriteCaseCount;
  return number < kContentCaseCount ? &kContentCases[number] : nullptr;
}

int RunCase(const Case& one, const Setting& setting) {
  alarm(20);
  return one.run(setting) ? 0 : 1;
}

bool AllBytesAre(const char* bytes, size_t size, char value) {
  return std::all_of(bytes, bytes + size, [=](char byte) { return byte == value; });
}

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

namespace {

// The small slots that a thread frees first may stay with it, to choose among: these are others'.
void FillReserve(const Setting& s) {
  if (s.size > 8192) return;
  char* first[32];
  for (char*& object : first) object = New(s);
  for (char* const object : first) free(object);
}

}  // namespace

char* NewAmongOthers(const Setting& s) {
  FillReserve(s);
  char* object = nullptr;
  // Where a slab has but a few slots, more than it has: it stays.
  const int count = s.size > 256 && s.size <= 8192 ? 32 : 8;
  for (int i = 0; i < count; ++i) {
    char* const one = New(s);
    if (i == count / 2) object = one;
  }
  return object;
}

Neighbours::Neighbours(const Setting& s) : count_(s.size > 8192 ? 2 : kMost) {
  for (size_t i = 0; i < count_; ++i) objects_[i] = New(s);
  std::sort(objects_, objects_ + count_);
  distance_ = objects_[1] - objects_[0];
  for (size_t i = 2; i < count_; ++i) {
    distance_ = std::min(distance_, objects_[i] - objects_[i - 1]);
  }
}

void Neighbours::FreeAll() const {
  for (size_t i = 0; i < count_; ++i) free(objects_[i]);
}

}  // namespace secure_alloc::test
