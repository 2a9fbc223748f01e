// Every form of C++'s operator new and delete, without the C++ library: a program in C
// must not get it, and one in C++ has its own, which is asked to throw.
#include <dlfcn.h>

#include <cstdint>
#include <new>

#include "allocator/base/text.h"
#include "allocator/os/os.h"
#include "preload/exports.h"

using namespace secure_alloc;

namespace {

// A function of the C++ library, wherever it was loaded; null without it.
void* FromCxxLibrary(const char* name, void* scope = RTLD_DEFAULT) {
  if (void* const found = dlsym(scope, name)) return found;
  void* const library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
  return library != nullptr ? dlsym(library, name) : nullptr;
}

using NewHandler = void (*)();

NewHandler CurrentNewHandler() {
  const auto get = reinterpret_cast<NewHandler (*)()>(FromCxxLibrary("_ZSt15get_new_handlerv"));
  return get != nullptr ? get() : nullptr;
}

[[noreturn]] void ThrowBadAlloc() {
  const auto throw_it =
      reinterpret_cast<void (*)()>(FromCxxLibrary("_ZSt17__throw_bad_allocv"));
  if (throw_it != nullptr) throw_it();
  Line line;
  line << "secure_alloc: operator new failed, and there is no C++ library to throw bad_alloc";
  line.WriteStderr();
  os::Abort();
}

struct Request {
  size_t alignment;
  size_t size;
  entry::Call call;

  void* Try() const {
    void* const object = entry::AllocateAligned(alignment, size, call);
    if (object != nullptr && keeps_forms) SetForm(object, call.form);
    return object;
  }
};

void* NewOrThrow(const Request& request) {
  for (;;) {
    if (void* const object = request.Try()) return object;
    const NewHandler handler = CurrentNewHandler();
    if (handler == nullptr) ThrowBadAlloc();
    handler();
  }
}

// What a handler throws must not leave a function that is noexcept, and nothing here can catch it.
// The C++ library's own nothrow form can: it asks ours that throws, for a size that nobody gets,
// which serves the request found here.
constexpr size_t kRequestSize = SIZE_MAX;
constinit thread_local const Request* postponed = nullptr;

void* NewOrNull(const Request& request) {
  if (void* const object = request.Try()) return object;
  if (CurrentNewHandler() == nullptr) return nullptr;
  void* const library_form = FromCxxLibrary("_ZnwmRKSt9nothrow_t", RTLD_NEXT);
  if (library_form == nullptr) return nullptr;
  postponed = &request;
  void* const object = reinterpret_cast<void* (*)(size_t, const std::nothrow_t&)>(library_form)(
      kRequestSize, std::nothrow_t());
  // Libraries before GCC 9 ask malloc.
  const bool was_served = postponed == nullptr;
  postponed = nullptr;
  return was_served ? object : request.Try();
}

void* NewAligned(size_t alignment, size_t size, bool may_throw, entry::Call call) {
  const Request request = {alignment, size, call};
  return may_throw ? NewOrThrow(request) : NewOrNull(request);
}

[[gnu::noinline]] void* NewSlow(const void* caller, size_t size, bool may_throw, Form form) {
  if (size == kRequestSize && postponed != nullptr) {
    const Request request = *postponed;
    postponed = nullptr;
    return NewOrThrow(request);
  }
  return NewAligned(1, size, may_throw, {rules::DomainOf(caller, size), caller, form});
}

[[gnu::always_inline]] inline void* New(const void* caller, size_t size, bool may_throw,
                                        Form form) {
  if (void* const object = AllocateInlineFor(caller, size)) [[likely]] return object;
  return NewSlow(caller, size, may_throw, form);
}

}  // namespace

#define SA_NEW [[gnu::visibility("default")]] void*
#define SA_DELETE [[gnu::visibility("default")]] void
#define SA_CALLER __builtin_return_address(0)

// Who calls, and by which form. `n`: the bytes it asks for.
#define SA_ONE(n) SA_CALL_OF(n, Form::kNew)
#define SA_ARRAY(n) SA_CALL_OF(n, Form::kNewArray)
#define SA_ANY_ONE SA_CALL_OF_ANY_DOMAIN_OF(Form::kNew)
#define SA_ANY_ARRAY SA_CALL_OF_ANY_DOMAIN_OF(Form::kNewArray)

SA_NEW operator new(size_t n) { return New(SA_CALLER, n, true, Form::kNew); }
SA_NEW operator new[](size_t n) { return New(SA_CALLER, n, true, Form::kNewArray); }
SA_NEW operator new(size_t n, const std::nothrow_t&) noexcept {
  return New(SA_CALLER, n, false, Form::kNew);
}
SA_NEW operator new[](size_t n, const std::nothrow_t&) noexcept {
  return New(SA_CALLER, n, false, Form::kNewArray);
}

SA_NEW operator new(size_t n, std::align_val_t a) {
  return NewAligned(size_t(a), n, true, SA_ONE(n));
}
SA_NEW operator new[](size_t n, std::align_val_t a) {
  return NewAligned(size_t(a), n, true, SA_ARRAY(n));
}
SA_NEW operator new(size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return NewAligned(size_t(a), n, false, SA_ONE(n));
}
SA_NEW operator new[](size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return NewAligned(size_t(a), n, false, SA_ARRAY(n));
}

SA_DELETE operator delete(void* p) noexcept {
  if (!FreeInline(p)) [[unlikely]] entry::FreeSlow(p, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p) noexcept {
  if (!FreeInline(p)) [[unlikely]] entry::FreeSlow(p, SA_ANY_ARRAY);
}
SA_DELETE operator delete(void* p, size_t n) noexcept {
  if (!FreeInline(p, n)) [[unlikely]] entry::FreeSizedSlow(p, n, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p, size_t n) noexcept {
  if (!FreeInline(p, n)) [[unlikely]] entry::FreeSizedSlow(p, n, SA_ANY_ARRAY);
}

// What the other forms are told besides is not needed: they are the same functions.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wattribute-alias"
#endif
#define SA_SAME_AS(name) [[gnu::visibility("default"), gnu::alias(name)]] void

SA_SAME_AS("_ZdlPv") operator delete(void*, const std::nothrow_t&) noexcept;
SA_SAME_AS("_ZdaPv") operator delete[](void*, const std::nothrow_t&) noexcept;
SA_SAME_AS("_ZdlPv") operator delete(void*, std::align_val_t) noexcept;
SA_SAME_AS("_ZdaPv") operator delete[](void*, std::align_val_t) noexcept;
SA_SAME_AS("_ZdlPv") operator delete(void*, std::align_val_t, const std::nothrow_t&) noexcept;
SA_SAME_AS("_ZdaPv") operator delete[](void*, std::align_val_t, const std::nothrow_t&) noexcept;
SA_SAME_AS("_ZdlPvm") operator delete(void*, size_t, std::align_val_t) noexcept;
SA_SAME_AS("_ZdaPvm") operator delete[](void*, size_t, std::align_val_t) noexcept;
