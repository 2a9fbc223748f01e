// Lives at the limit of locked memory: allocates secrets until it is refused, forks there, frees
// half, forks again, for some rounds. Every object keeps its contents, every child has a good copy
// or there is none and fork(2) says EAGAIN.
//
//   memlock_loop ROUNDS    SECALLOC_TEST_SEED=n repeats the choices
//
// Prints the counts and the weakest protection of an object; exit status 1 if anything was wrong. A
// signal, such as the SIGBUS of a page beyond the limit, ends it, or a child, which is wrong.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tests/limits/support.h"
#include "tests/unit/seed.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kMostObjects = 20000;
constexpr size_t kMostBytes = 64 << 20;  // where the limit binds nobody

struct Object {
  unsigned char* bytes;
  size_t size;
  unsigned char value;

  bool Holds() const {
    return std::all_of(bytes, bytes + size, [&](unsigned char byte) { return byte == value; });
  }
};

class Loop {
 public:
  explicit Loop(uint64_t seed) : random_(seed) { objects_.reserve(kMostObjects); }

  void Round() {
    Fill();
    Fork();
    FreeHalf();
    Fork();
  }

  // Prints what there was; the process's exit status.
  int Report() {
    for (const Object& object : objects_) wrong_ += !object.Holds();
    constexpr const char* kNames[] = {"unknown", "plain", "locked", "secret"};
    printf("allocated: %zu, refused: %zu, weakest: %s\n", allocated_, refused_,
           kNames[weakest_ + 1]);
    printf("forks: %zu good, %zu refused\n", forks_, forks_refused_);
    printf("wrong: %zu\n", wrong_);
    return wrong_ == 0 ? 0 : 1;
  }

 private:
  // Mostly small, some of several pages, a few large ones.
  size_t RandomSize() {
    const size_t dice = Below(random_, 64);
    return 1 + Below(random_, dice == 0 ? 200000 : dice < 8 ? 20000 : 500);
  }

  // Up to the first refusal, which must be ENOMEM.
  void Fill() {
    while (objects_.size() < kMostObjects && bytes_ < kMostBytes) {
      const size_t size = RandomSize();
      errno = 0;
      auto* const bytes = static_cast<unsigned char*>(secalloc_malloc(size));
      if (bytes == nullptr) {
        ++refused_;
        if (errno != ENOMEM) Wrong("a refusal's errno", errno);
        return;
      }
      const auto value = static_cast<unsigned char>(Below(random_, 256));
      memset(bytes, value, size);
      weakest_ = std::min(weakest_, ProtectionOf(bytes));
      objects_.push_back({bytes, size, value});
      bytes_ += size;
      ++allocated_;
    }
  }

  void FreeHalf() {
    for (size_t i = objects_.size() / 2; i > 0; --i) {
      std::swap(objects_[Below(random_, objects_.size())], objects_.back());
      const Object object = objects_.back();
      objects_.pop_back();
      if (!object.Holds()) Wrong("an object's contents, of bytes", static_cast<int>(object.size));
      bytes_ -= object.size;
      free(object.bytes);
    }
  }

  void Fork() {
    const pid_t child = fork();
    if (child == 0) _exit(LiveAsAChild());
    if (child < 0) {
      ++forks_refused_;
      if (errno != EAGAIN) Wrong("a refused fork's errno", errno);
      return;
    }
    const int status = EndOf(child);
    if (status != 0) return Wrong("a child's exit status", status);
    ++forks_;
  }

  // Reads and writes all it inherited, frees some, and allocates; what it can't have is ENOMEM.
  int LiveAsAChild() {
    for (const Object& object : objects_) {
      if (!object.Holds()) return 1;
      memset(object.bytes, 0, object.size);
    }
    for (size_t i = 0; i < objects_.size(); i += 3) free(objects_[i].bytes);
    for (size_t i = 0; i < 200; ++i) {
      const size_t size = RandomSize();
      void* const bytes = secalloc_malloc(size);
      if (bytes == nullptr) return errno == ENOMEM ? 0 : 2;
      memset(bytes, 1, size);
    }
    return 0;
  }

  void Wrong(const char* what, int figure) {
    ++wrong_;
    printf("wrong: %s: %d\n", what, figure);
  }

  Random random_;
  std::vector<Object> objects_;
  size_t bytes_ = 0, allocated_ = 0, refused_ = 0, forks_ = 0, forks_refused_ = 0, wrong_ = 0;
  int weakest_ = SECALLOC_SECRET;
};

int RunRounds(int rounds) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  Loop loop(Seed());
  for (int i = 0; i < rounds; ++i) loop.Round();
  return loop.Report();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  if (count == 2) return secure_alloc::test::RunRounds(atoi(arguments[1]));
  fprintf(stderr, "usage: memlock_loop ROUNDS\n");
  return 2;
}
