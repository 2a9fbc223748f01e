// A library whose constructor allocates: whether it runs before or after ours is the
// dynamic loader's business.
#include <stdlib.h>
#include <string.h>

#include "include/secure_alloc/secure_alloc.h"

extern "C" {
char* early_object = nullptr;
char* early_secret = nullptr;
}

namespace {

[[gnu::constructor(101)]] void Early() {
  early_object = static_cast<char*>(malloc(100));
  strcpy(early_object, "early");
  early_secret = static_cast<char*>(secalloc_malloc(100));
  if (early_secret != nullptr) strcpy(early_secret, "early");
}

}  // namespace
