// One heap in a process, however it came to two libraries with this API: the one that leaves
// malloc alone hands its calls to the preload library's, if that is there.
#pragma once

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {

// Every function of the public header, without its prefix.
#define SA_API_FUNCTIONS(X)                                                                  \
  X(malloc) X(calloc) X(realloc) X(aligned_alloc) X(free) X(usable_size) X(query) X(stats)   \
  X(trim) X(domain_create) X(domain_destroy) X(domain_malloc) X(domain_calloc)               \
  X(domain_realloc) X(domain_aligned_alloc) X(domain_free) X(domain_alloc_pages) X(protect)  \
  X(domain_stats) X(reserve) X(reserve_objects) X(madvise) X(mark) X(set_fault_handler)     \
  X(lockdown) X(domain_access) X(domain_get_access)

// Another library's functions.
struct Redirect {
#define SA_MEMBER(name) decltype(&::secalloc_##name) name;
  SA_API_FUNCTIONS(SA_MEMBER)
#undef SA_MEMBER
};

// Null: calls stay here. Set once, at load.
extern constinit const Redirect* redirect;

// At the beginning of each function.
#define SA_REDIRECT(name, ...)                        \
  if (secure_alloc::redirect != nullptr) [[unlikely]] \
  return secure_alloc::redirect->name(__VA_ARGS__)

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]

}  // namespace secure_alloc
