// How an exported function says who calls it.
#pragma once

#include "allocator/entry/entry.h"
#include "preload/rules.h"

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]

// In an exported function only: the return address is that of the function it is in.
#define SA_CALL                                                                       \
  (::secure_alloc::entry::Call{                                                       \
      ::secure_alloc::rules::DomainOf(__builtin_return_address(0)),                   \
      __builtin_return_address(0)})
// For calls that need no domain: the rule is not asked.
#define SA_CALL_OF_ANY_DOMAIN (::secure_alloc::entry::Call{0, __builtin_return_address(0)})
