// Every form of C++'s operator new and delete, without the C++ library: a program in C
// must not get it, and one in C++ has its own, which is asked to throw.
#include <dlfcn.h>

#include <cstdint>
#include <new>

#include "allocator/base/text.h"
#include "allocator/os/os.h"
#include "preload/catching.h"
#include "preload/exports.h"
#include "preload/replaced.h"

using namespace secure_alloc;

namespace {

// A function of the C++ library, wherever it was loaded; null without it.
void* FromCxxLibrary(const char* name) {
  if (void* const found = dlsym(RTLD_DEFAULT, name)) return found;
  void* const library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* const found = dlsym(library, name);
  dlclose(library);  // Who loaded it keeps it.
  return found;
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

void* NewOrNull(const Request& request) {
  for (;;) {
    if (void* const object = request.Try()) return object;
    const NewHandler handler = CurrentNewHandler();
    if (handler == nullptr || !CanCatch() || !Returns(handler)) return nullptr;
  }
}

// The forms that others call, as the program may have them.
using OneNew = void*(size_t);
using AlignedNew = void*(size_t, std::align_val_t);
using OneDelete = void(void*);
using AlignedDelete = void(void*, std::align_val_t);

template <typename... Arguments>
void* Ask(void* (*theirs)(Arguments...), bool may_throw, Arguments... arguments) {
  if (may_throw || !CanCatch()) return theirs(arguments...);
  void* object = nullptr;
  return Returns([&] { object = theirs(arguments...); }) ? object : nullptr;
}

void* Serve(const Request& request, bool may_throw) {
  return may_throw ? NewOrThrow(request) : NewOrNull(request);
}

// It calls no other form.
constexpr bool IsFirst(Form form, bool may_throw) { return form == Form::kNew && may_throw; }

// Objects of a program with forms of its own may come by one that it has replaced, and leave by one
// that it has not: they are all alike, and of the size that the program's form asked for.
Form Kept(Form form) { return replaced::None() ? form : Form::kMalloc; }
entry::Call Kept(const entry::Call& call) {
  return {call.first_bin, call.caller, Kept(call.form)};
}

void EndSized(void* object, size_t size, const entry::Call& call) {
  replaced::None() ? entry::FreeSizedSlow(object, size, call) : entry::Free(object, Kept(call));
}

[[gnu::noinline]] void* NewSlow(const void* caller, size_t size, bool may_throw, Form form) {
  if (!IsFirst(form, may_throw)) {
    // That of an array calls the one for one object, what doesn't throw the same that does.
    const bool calls_one = form == Form::kNew || may_throw;
    OneNew* const theirs =
        replaced::Find<OneNew>(calls_one ? replaced::kNew : replaced::kNewArray);
    if (theirs != nullptr) return Ask(theirs, may_throw, size);
  }
  return Serve({1, size, {rules::DomainOf(caller, size), caller, Kept(form)}}, may_throw);
}

[[gnu::always_inline]] inline void* New(const void* caller, size_t size, bool may_throw,
                                        Form form) {
  if (IsFirst(form, may_throw) || replaced::none) [[likely]] {
    if (void* const object = AllocateInlineFor(caller, size)) [[likely]] return object;
  }
  return NewSlow(caller, size, may_throw, form);
}

void* NewAligned(const void* caller, size_t size, std::align_val_t alignment, bool may_throw,
                 Form form) {
  if (!IsFirst(form, may_throw)) {
    const bool calls_one = form == Form::kNew || may_throw;
    AlignedNew* const theirs = replaced::Find<AlignedNew>(
        calls_one ? replaced::kNewAligned : replaced::kNewArrayAligned);
    if (theirs != nullptr) return Ask(theirs, may_throw, size, alignment);
  }
  return Serve({size_t(alignment), size, {rules::DomainOf(caller, size), caller, Kept(form)}},
               may_throw);
}

// `calls`: the form that this one calls.
[[gnu::noinline]] void DeleteSlow(void* object, replaced::Form calls, entry::Call call) {
  OneDelete* const theirs = replaced::Find<OneDelete>(calls);
  theirs != nullptr ? theirs(object) : entry::Free(object, Kept(call));
}

[[gnu::noinline]] void DeleteSizedSlow(void* object, size_t size, replaced::Form calls,
                                       entry::Call call) {
  OneDelete* const theirs = replaced::Find<OneDelete>(calls);
  theirs != nullptr ? theirs(object) : EndSized(object, size, call);
}

void DeleteAligned(void* object, std::align_val_t alignment, replaced::Form calls,
                   entry::Call call) {
  AlignedDelete* const theirs = replaced::Find<AlignedDelete>(calls);
  theirs != nullptr ? theirs(object, alignment) : entry::Free(object, Kept(call));
}

void DeleteAlignedSized(void* object, size_t size, std::align_val_t alignment,
                        replaced::Form calls, entry::Call call) {
  AlignedDelete* const theirs = replaced::Find<AlignedDelete>(calls);
  theirs != nullptr ? theirs(object, alignment) : EndSized(object, size, call);
}

// By the form that calls no other.
[[gnu::noinline]] void DeleteFirst(void* object, entry::Call call) {
  entry::FreeSlow(object, Kept(call));
}

}  // namespace

#define SA_NEW [[gnu::visibility("default")]] void*
#define SA_DELETE [[gnu::visibility("default")]] void
#define SA_CALLER __builtin_return_address(0)

// Who calls, and by which form.
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
  return NewAligned(SA_CALLER, n, a, true, Form::kNew);
}
SA_NEW operator new[](size_t n, std::align_val_t a) {
  return NewAligned(SA_CALLER, n, a, true, Form::kNewArray);
}
SA_NEW operator new(size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return NewAligned(SA_CALLER, n, a, false, Form::kNew);
}
SA_NEW operator new[](size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return NewAligned(SA_CALLER, n, a, false, Form::kNewArray);
}

SA_DELETE operator delete(void* p) noexcept {
  if (!FreeInline(p)) [[unlikely]] DeleteFirst(p, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p) noexcept {
  if (!replaced::none || !FreeInline(p)) [[unlikely]] {
    DeleteSlow(p, replaced::kDelete, SA_ANY_ARRAY);
  }
}
SA_DELETE operator delete(void* p, size_t n) noexcept {
  if (!replaced::none || !FreeInline(p, n)) [[unlikely]] {
    DeleteSizedSlow(p, n, replaced::kDelete, SA_ANY_ONE);
  }
}
SA_DELETE operator delete[](void* p, size_t n) noexcept {
  if (!replaced::none || !FreeInline(p, n)) [[unlikely]] {
    DeleteSizedSlow(p, n, replaced::kDeleteArray, SA_ANY_ARRAY);
  }
}
SA_DELETE operator delete(void* p, const std::nothrow_t&) noexcept {
  DeleteSlow(p, replaced::kDelete, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p, const std::nothrow_t&) noexcept {
  DeleteSlow(p, replaced::kDeleteArray, SA_ANY_ARRAY);
}

SA_DELETE operator delete(void* p, std::align_val_t) noexcept { DeleteFirst(p, SA_ANY_ONE); }
SA_DELETE operator delete[](void* p, std::align_val_t a) noexcept {
  DeleteAligned(p, a, replaced::kDeleteAligned, SA_ANY_ARRAY);
}
SA_DELETE operator delete(void* p, size_t n, std::align_val_t a) noexcept {
  DeleteAlignedSized(p, n, a, replaced::kDeleteAligned, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p, size_t n, std::align_val_t a) noexcept {
  DeleteAlignedSized(p, n, a, replaced::kDeleteArrayAligned, SA_ANY_ARRAY);
}
SA_DELETE operator delete(void* p, std::align_val_t a, const std::nothrow_t&) noexcept {
  DeleteAligned(p, a, replaced::kDeleteAligned, SA_ANY_ONE);
}
SA_DELETE operator delete[](void* p, std::align_val_t a, const std::nothrow_t&) noexcept {
  DeleteAligned(p, a, replaced::kDeleteArrayAligned, SA_ANY_ARRAY);
}
