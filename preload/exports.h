// How an exported function says who calls it.
#pragma once

#include "allocator/entry/entry.h"
#include "preload/rules.h"

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]

// In an exported function only: the return address is that of the function it is in. `size`: the
// bytes that it asks for.
#define SA_CALL(size)                                                       \
  (::secure_alloc::entry::Call{                                             \
      ::secure_alloc::rules::DomainOf(__builtin_return_address(0), size),   \
      __builtin_return_address(0)})
// For calls that need no domain: the rule is not asked.
#define SA_CALL_OF_ANY_DOMAIN SA_CALL_OF_ANY_DOMAIN_OF(::secure_alloc::Form::kMalloc)
#define SA_CALL_OF_ANY_DOMAIN_OF(form) \
  (::secure_alloc::entry::Call{0, __builtin_return_address(0), form})

namespace secure_alloc {

// Null: the slow path looks again. That is a tail call, so that this one saves no register.
[[gnu::always_inline]] inline void* AllocateInlineFor(const void* caller, size_t size) {
  unsigned domain;
  if (!rules::Lookup(caller, &domain)) [[unlikely]] return nullptr;
  return AllocateInline(size, domain);
}

}  // namespace secure_alloc
