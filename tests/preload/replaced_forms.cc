// A program with some forms of operator new and delete of its own, which the others call. OWN_...
// says which; FORWARDED that they call the next library's, PADDED that objects have more bytes
// behind them, else they begin behind a header.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <new>
#include <span>

namespace {

constexpr std::align_val_t kAlignment{64};
int made, ended;

#ifdef FORWARDED

template <typename... Arguments>
void* Make(const char* name, Arguments... arguments) {
  ++made;
  return reinterpret_cast<void* (*)(Arguments...)>(dlsym(RTLD_NEXT, name))(arguments...);
}

template <typename... Arguments>
void End(const char* name, Arguments... arguments) {
  ++ended;
  reinterpret_cast<void (*)(Arguments...)>(dlsym(RTLD_NEXT, name))(arguments...);
}

#else

#ifdef PADDED
constexpr size_t kHeader = 0;
#else
constexpr size_t kHeader = 64;
#endif

void* Make(const char*, size_t size, std::align_val_t alignment = std::align_val_t{16}) {
  ++made;
  for (;;) {
    if (void* const begin = aligned_alloc(size_t(alignment), (size + 127) / 64 * 64)) {
      return static_cast<char*>(begin) + kHeader;
    }
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

[[maybe_unused]] void End(const char*, void* object, std::align_val_t = {}) {
  ++ended;
  if (object != nullptr) free(static_cast<char*>(object) - kHeader);
}

#endif

}  // namespace

#ifdef OWN_NEW
void* operator new(size_t size) { return Make("_Znwm", size); }
#endif
#ifdef OWN_DELETE
void operator delete(void* object) noexcept { End("_ZdlPv", object); }
#endif
#ifdef OWN_NEW_ARRAY
void* operator new[](size_t size) { return Make("_Znam", size); }
#endif
#ifdef OWN_DELETE_ARRAY
void operator delete[](void* object) noexcept { End("_ZdaPv", object); }
#endif
#ifdef OWN_ALIGNED
void* operator new(size_t size, std::align_val_t alignment) {
  return Make("_ZnwmSt11align_val_t", size, alignment);
}
void operator delete(void* object, std::align_val_t alignment) noexcept {
  End("_ZdlPvSt11align_val_t", object, alignment);
}
#endif
#ifdef OWN_ALIGNED_ARRAY
void* operator new[](size_t size, std::align_val_t alignment) {
  return Make("_ZnamSt11align_val_t", size, alignment);
}
void operator delete[](void* object, std::align_val_t alignment) noexcept {
  End("_ZdaPvSt11align_val_t", object, alignment);
}
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
  LimitMemory(size_t{32} << 20);
  std::set_new_handler(LiftLimit);
  void* const object = form.make(size_t{64} << 20);
  printf("; with a handler that frees memory: %s\n", object != nullptr ? "an object" : "null");
  form.ends.front()(object);
}

}  // namespace

int main() {
  // What an executable at a fixed place knows by these addresses is no form of its own.
  void* (*const volatile make)(size_t) = ::operator new;
  void (*const volatile end)(void*) = ::operator delete;
  end(make(kSize));

  // The dynamic linker's lock and errors are not for calls to touch.
  void* const missing = dlopen("./missing.so", RTLD_NOW);
  ::operator delete(::operator new(kSize, std::nothrow), kSize);
  printf("%s\n", missing == nullptr && dlerror() != nullptr ? "its error is there" : "no error");

  for (const Form& form : kForms) Use(form);
  return 0;
}
