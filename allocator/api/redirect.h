// One heap in a process, however it came to two libraries with this API: the one that leaves
// malloc alone hands its calls to the preload library's, if that is there.
#pragma once

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {

// Another library's functions of the public header.
struct Redirect {
  decltype(&::secalloc_malloc) malloc;
  decltype(&::secalloc_calloc) calloc;
  decltype(&::secalloc_realloc) realloc;
  decltype(&::secalloc_aligned_alloc) aligned_alloc;
  decltype(&::secalloc_free) free;
  decltype(&::secalloc_usable_size) usable_size;
  decltype(&::secalloc_query) query;
  decltype(&::secalloc_stats) stats;
  decltype(&::secalloc_trim) trim;
};

// Null: calls stay here. Set once, at load.
extern constinit const Redirect* redirect;

}  // namespace secure_alloc
