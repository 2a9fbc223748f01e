// C++ types that keep secrets, header-only over secure_alloc.h. C++17 and up, with or without
// exceptions and RTTI; link libsecure_alloc, or run under the preload library.
//
//   #include <secure_alloc/secret.h>
//
//   using Key = std::array<unsigned char, 32>;
//   auto key = secure_alloc::make_secret<Key>();
//   key.access([](Key& bytes) { read(fd, bytes.data(), bytes.size()); });
//   if (key == other) ...                        // in constant time
//
//   auto guarded = secure_alloc::make_guarded<Key>();   // inaccessible but while it is accessed
//   secure_alloc::domain keys("keys");                  // apart from others, with its own quota
//   secure_alloc::domain_window window(keys);           // open to this thread, for a while
//
//   secure_alloc::string password;               // its characters are never in the object
//   secure_alloc::vector<unsigned char> buffer;  // std::vector on the secret heap
//
// Where memory is refused (see secalloc_malloc): std::bad_alloc, or without exceptions the
// program's end with a sentence. Functions named try_ return instead, with errno.
//
// What can be refused at compile time is: copies, output, secrets whose content would be ordinary
// memory, callables that hand the secret out. What a program copies on purpose, registers and the
// stack's spill slots are beyond a library.
#ifndef SECURE_ALLOC_SECRET_H_
#define SECURE_ALLOC_SECRET_H_

#include "secure_alloc/cxx/domain.h"
#include "secure_alloc/cxx/domain_window.h"
#include "secure_alloc/cxx/equal.h"
#include "secure_alloc/cxx/guarded.h"
#include "secure_alloc/cxx/holder.h"
#include "secure_alloc/cxx/memory.h"
#include "secure_alloc/cxx/string.h"

#endif  // SECURE_ALLOC_SECRET_H_
