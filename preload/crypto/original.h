// The crypto libraries' memory functions, served from the secret domain: a library of its own,
// libsecure_alloc_crypto_preload.so, so that nobody's symbols are taken unasked.
//
// They are served only behind the preload library, whose free(3) takes what a crypto library
// may free in another way. Without it each call goes to the library that defines the function.
// Static copies inside programs are not reached, nor are other versions of versioned symbols.
#pragma once

#include "secure_alloc/secure_alloc.h"

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]

namespace secure_alloc::crypto {

// Is the preload library there?
bool Serving();

// The next library's function of that name; ends the process if there is none.
void* FindOriginal(const char* name);

template <typename Function>
Function* Original(Function*, const char* name) {
  return reinterpret_cast<Function*>(FindOriginal(name));
}
#define SA_ORIGINAL(name) ::secure_alloc::crypto::Original(&name, #name)

// Is the object from an arena of ours?
bool IsOurs(const void* object);

}  // namespace secure_alloc::crypto
