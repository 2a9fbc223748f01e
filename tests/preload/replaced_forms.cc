// A program with operator new and delete of its own, whose objects begin behind a header. OWN_ONE,
// OWN_ARRAY and OWN_ALIGNED say which forms it defines; others call these, or the library's.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <new>
#include <span>

namespace {

constexpr size_t kHeader = 64;
constexpr std::align_val_t kAlignment{64};
int made, ended;

void* Make(size_t alignment, size_t size) {
  ++made;
  for (;;) {
    if (void* const begin = aligned_alloc(alignment, kHeader + (size + 63) / 64 * 64)) {
      return static_cast<char*>(begin) + kHeader;
    }
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void End(void* object) {
  ++ended;
  if (object != nullptr) free(static_cast<char*>(object) - kHeader);
}

}  // namespace

#ifdef OWN_ONE
void* operator new(size_t size) { return Make(16, size); }
void operator delete(void* object) noexcept { End(object); }
#endif
#ifdef OWN_ARRAY
void* operator new[](size_t size) { return Make(16, size); }
void operator delete[](void* object) noexcept { End(object); }
#endif
#ifdef OWN_ALIGNED
void* operator new(size_t size, std::align_val_t) { return Make(64, size); }
void operator delete(void* object, std::align_val_t) noexcept { End(object); }
#endif

namespace {

using Deletes = void (*const[])(void*);

constexpr size_t kSize = 100;

constexpr Deletes kDelete = {
    [](void* p) { ::operator delete(p); },
    [](void* p) { ::operator delete(p, kSize); },
    [](void* p) { ::operator delete(p, std::nothrow); },
};
constexpr Deletes kDeleteArray = {
    [](void* p) { ::operator delete[](p); },
    [](void* p) { ::operator delete[](p, kSize); },
    [](void* p) { ::operator delete[](p, std::nothrow); },
};
constexpr Deletes kDeleteAligned = {
    [](void* p) { ::operator delete(p, kAlignment); },
    [](void* p) { ::operator delete(p, kSize, kAlignment); },
    [](void* p) { ::operator delete(p, kAlignment, std::nothrow); },
};
constexpr Deletes kDeleteArrayAligned = {
    [](void* p) { ::operator delete[](p, kAlignment); },
    [](void* p) { ::operator delete[](p, kSize, kAlignment); },
    [](void* p) { ::operator delete[](p, kAlignment, std::nothrow); },
};

struct Form {
  const char* name;
  void* (*make)(size_t);
  std::span<void (*const)(void*)> ends;
};

constexpr Form kForms[] = {
    {"new", [](size_t n) { return ::operator new(n); }, kDelete},
    {"new, nothrow", [](size_t n) { return ::operator new(n, std::nothrow); }, kDelete},
    {"new[]", [](size_t n) { return ::operator new[](n); }, kDeleteArray},
    {"new[], nothrow", [](size_t n) { return ::operator new[](n, std::nothrow); }, kDeleteArray},
    {"new, aligned", [](size_t n) { return ::operator new(n, kAlignment); }, kDeleteAligned},
    {"new, aligned, nothrow",
     [](size_t n) { return ::operator new(n, kAlignment, std::nothrow); }, kDeleteAligned},
    {"new[], aligned", [](size_t n) { return ::operator new[](n, kAlignment); },
     kDeleteArrayAligned},
    {"new[], aligned, nothrow",
     [](size_t n) { return ::operator new[](n, kAlignment, std::nothrow); }, kDeleteArrayAligned},
};

void LimitMemory(rlim_t bytes) {
  rlimit limit;
  getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_DATA, &limit);
}

void LiftLimit() { LimitMemory(RLIM_INFINITY); }

void Use(const Form& form) {
  made = ended = 0;
  for (const auto end : form.ends) end(form.make(kSize));
  printf("%s: %d made and %d ended by the program", form.name, made, ended);
  LimitMemory(size_t{64} << 20);
  std::set_new_handler(LiftLimit);
  void* const object = form.make(size_t{128} << 20);
  printf("; with a handler that frees memory: %s\n", object != nullptr ? "an object" : "null");
  form.ends.front()(object);
}

}  // namespace

int main() {
  for (const Form& form : kForms) Use(form);
  return 0;
}
