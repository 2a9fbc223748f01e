// Promotion of a few pages and objects, against a model of contents, protection and secrecy, while
// the program unmaps, moves and protects what is promoted. The budget is too small for all of it.
// At the end nothing is charged.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "allocator/entry/entry.h"
#include "allocator/slab/size_class.h"
#include "include/secure_alloc/secure_alloc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/child.h"

using namespace secure_alloc::test;
using secure_alloc::kOrdinaryBins;
namespace entry = secure_alloc::entry;

namespace {

constexpr size_t kPage = 4096, kPages = 12, kObjects = 4;
// Far below where the kernel maps things: what is unmapped here stays a hole.
char* const kPlace = reinterpret_cast<char*>(uintptr_t{1} << 45);
constexpr int kUnmapped = -1;
constexpr int kProtections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
constexpr int kMethods[] = {0, SECALLOC_BY_FAULTS, SECALLOC_BY_USER_FAULTS, SECALLOC_BY_STOPPING};
constexpr int kWritable = PROT_READ | PROT_WRITE;

bool IsRefusal(int error) {
  return error == EAGAIN || error == ENOMEM || error == EBUSY || error == EOPNOTSUPP;
}

bool IsSecret(const void* address) {
  secalloc_info info;
  Must(secalloc_query(address, &info) == 0);
  Must((info.promoted != 0) == (info.protection == SECALLOC_SECRET));
  return info.promoted != 0;
}

bool AllAre(const char* bytes, size_t size, char value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

// What the kernel lets one do with a page, tried by system calls that fail instead of faulting.
class Access {
 public:
  Access() { Must(pipe(ends_) == 0); }

  // As mprotect(2) has it; the page is as it was.
  int Of(char* page) const {
    char byte = 0;
    const bool readable = write(ends_[1], page, 1) == 1;
    Must(readable || (errno == EFAULT && write(ends_[1], &byte, 1) == 1));
    const bool writable = read(ends_[0], page, 1) == 1;
    Must(writable || (errno == EFAULT && read(ends_[0], &byte, 1) == 1));
    return (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0);
  }

 private:
  int ends_[2];
};

class Pages {
 public:
  Pages() {
    Must(mmap(kPlace, kPages * kPage, kWritable, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
              -1, 0) == kPlace);
  }
  ~Pages() { Must(munmap(kPlace, kPages * kPage) == 0); }

  void Step(Choices& choices) {
    const size_t first = choices.Byte() % kPages, count = 1 + choices.Byte() % (kPages - first);
    switch (choices.Byte() % 10) {
      case 0: case 1: Write(first, choices.Byte()); break;
      case 2: case 3: Promote(first, count, choices); break;
      case 4: Demote(first, count, choices); break;
      case 5: Wipe(first, count); break;
      case 6: Protect(first, count, kProtections[choices.Byte() % 3]); break;
      case 7: Unmap(first, 1 + choices.Byte() % 2); break;
      case 8: Move(first, choices.Byte() % kPages); break;
      case 9: if (choices.Byte() % 16 == 0) Fork(); break;
    }
    CheckContents();
  }

  // What can't be read is opened for good.
  void OpenAndCheck() {
    for (size_t i = 0; i < kPages; ++i) {
      if (pages_[i].protection == PROT_NONE) Protect(i, 1, PROT_READ);
    }
    CheckContents();
  }

  size_t Check() const {
    size_t secret = 0;
    for (size_t i = 0; i < kPages; ++i) {
      if (pages_[i].protection == kUnmapped) continue;
      Must(IsSecret(at(i)) == pages_[i].secret);
      secret += pages_[i].secret;
    }
    return secret * kPage;
  }

  // A child has its own copy of all of it. Forking is slow: only where there is something to copy.
  void Fork() {
    if (Check() == 0) return;
    const pid_t child = fork();
    if (child < 0) return;
    if (child == 0) {
      CheckContents();
      (void)Check();
      OpenAndCheck();
      _exit(0);
    }
    Must(EndOf(child) == 0);
  }

 private:
  struct Page {
    int protection = kWritable;
    bool secret = false;
    char content = 0;
  };

  static char* at(size_t page) { return kPlace + page * kPage; }

  bool AreMapped(size_t first, size_t count) const {
    for (size_t i = first; i < first + count; ++i) {
      if (pages_[i].protection == kUnmapped) return false;
    }
    return true;
  }

  void CheckContents() const {
    static const Access access;
    for (size_t i = 0; i < kPages; ++i) {
      if (pages_[i].protection == kUnmapped) continue;
      Must(access.Of(at(i)) == pages_[i].protection);
      if (pages_[i].protection > PROT_NONE) Must(AllAre(at(i), kPage, pages_[i].content));
    }
  }

  void Write(size_t page, char content) {
    if (pages_[page].protection != kWritable) return;
    memset(at(page), content, kPage);
    pages_[page].content = content;
  }

  void Promote(size_t first, size_t count, Choices& choices) {
    const int advice = SECALLOC_MADV_SECRET | kMethods[choices.Byte() % 4];
    if (secalloc_madvise(at(first), count * kPage, advice) != 0) {
      Must(AreMapped(first, count) ? IsRefusal(errno) : errno == ENOMEM);
      (void)Check();  // Nothing has changed.
      return;
    }
    Must(AreMapped(first, count));
    for (size_t i = first; i < first + count; ++i) pages_[i].secret = true;
  }

  void Demote(size_t first, size_t count, Choices& choices) {
    const int advice = SECALLOC_MADV_NORMAL | kMethods[choices.Byte() % 4];
    if (secalloc_madvise(at(first), count * kPage, advice) == 0) {
      Must(AreMapped(first, count));
      for (size_t i = first; i < first + count; ++i) pages_[i].secret = false;
      return;
    }
    Must(AreMapped(first, count) ? IsRefusal(errno) : errno == ENOMEM);
    // What is done stays done.
    for (size_t i = first; i < first + count; ++i) {
      if (pages_[i].secret) pages_[i].secret = IsSecret(at(i));
    }
  }

  void Wipe(size_t first, size_t count) {
    bool writable = true;
    for (size_t i = first; i < first + count; ++i) writable &= pages_[i].protection == kWritable;
    if (secalloc_madvise(at(first), count * kPage, SECALLOC_MADV_WIPE) != 0) {
      Must(!writable && (errno == ENOMEM || errno == EACCES));
      return;
    }
    Must(writable);
    for (size_t i = first; i < first + count; ++i) pages_[i].content = 0;
  }

  void Protect(size_t first, size_t count, int protection) {
    if (!AreMapped(first, count)) return;
    Must(mprotect(at(first), count * kPage, protection) == 0);
    for (size_t i = first; i < first + count; ++i) pages_[i].protection = protection;
  }

  // Unmaps a page, or maps a new one in its place.
  void Unmap(size_t page, int how) {
    pages_[page] = {};
    if (how == 1) {
      Must(munmap(at(page), kPage) == 0);
      pages_[page].protection = kUnmapped;
    } else {
      Must(mmap(at(page), kPage, kWritable, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
           at(page));
    }
  }

  void Move(size_t from, size_t to) {
    if (from == to || pages_[from].protection == kUnmapped) return;
    Must(mremap(at(from), kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, at(to)) == at(to));
    pages_[to] = pages_[from];
    pages_[from].protection = kUnmapped;
  }

  Page pages_[kPages];
};

// Ordinary objects with pages to themselves, and slots that share one.
class Objects {
 public:
  ~Objects() {
    for (Object& object : objects_) Free(object);
  }

  void Step(Choices& choices) {
    Object& object = objects_[choices.Byte() % kObjects];
    if (object.bytes == nullptr) return Allocate(object, choices);
    const unsigned operation = choices.Byte() % 4;
    if (operation == 0) {
      // Others on its pages come along: what is refused is EAGAIN and the like.
      const int advice = choices.Byte() % 2 == 0 ? SECALLOC_MADV_SECRET : SECALLOC_MADV_NORMAL;
      const int result = secalloc_mark(object.bytes, advice);
      Must(result == 0 ? IsSecret(object.bytes) == (advice == SECALLOC_MADV_SECRET)
                       : IsRefusal(errno));
    } else if (operation == 1) {
      object.content = static_cast<char>(choices.Byte());
      memset(object.bytes, object.content, object.size);
    } else if (operation == 2) {
      if (secalloc_mark(object.bytes, SECALLOC_MADV_WIPE) == 0) object.content = 0;
    } else {
      Free(object);
    }
    if (object.bytes != nullptr) Must(AllAre(object.bytes, object.size, object.content));
  }

 private:
  struct Object {
    char* bytes = nullptr;
    size_t size = 0;
    char content = 0;
  };

  static void Allocate(Object& object, Choices& choices) {
    const size_t size = 1 + choices.Byte() * (choices.Byte() % 2 == 0 ? 256u : 4u);
    object = {static_cast<char*>(entry::Allocate(size, {kOrdinaryBins, nullptr})), size, 0};
    if (object.bytes != nullptr) Must(AllAre(object.bytes, size, 0));
  }

  static void Free(Object& object) {
    if (object.bytes == nullptr) return;
    Must(AllAre(object.bytes, object.size, object.content));
    entry::Free(object.bytes, {kOrdinaryBins, nullptr});
    object = {};
  }

  Object objects_[kObjects];
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return setenv("SECALLOC_OPTIONS", "budget=56K,fallback=none", /*overwrite=*/1);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct secalloc_stats stats;
  Choices choices(data, size);
  {
    Pages pages;
    Objects objects;
    while (choices.more()) {
      const unsigned what = choices.Byte() % 8;
      if (what == 0) {
        (void)secalloc_madvise(nullptr, (1 + choices.Byte() % 8) * kPage, SECALLOC_MADV_RESERVE);
      } else if (what == 1) {
        secalloc_trim();
      } else if (what < 4) {
        objects.Step(choices);
      } else {
        pages.Step(choices);
      }
    }
    pages.Fork();
    pages.OpenAndCheck();
    const size_t promoted = pages.Check();
    secalloc_stats(&stats);
    Must(stats.promoted_bytes >= promoted && stats.arena_bytes <= stats.budget_bytes);
  }
  secalloc_trim();
  secalloc_stats(&stats);
  Must(stats.promoted_bytes == 0 && stats.promotion_pool_bytes == 0 && stats.arena_bytes == 0);
  return 0;
}
