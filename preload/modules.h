// Which modules are listed: what scope=modules goes by. Also for the secalloc command, which
// explains it without the allocator.
#pragma once

#include <cstddef>

namespace secure_alloc::rules {

// One of a list of globs; size 0: none.
struct Glob {
  const char* text;
  size_t size;
};

// The last component of a path: what globs are about.
const char* FileName(const char* path);

// The first of the globs, separated by ':', that the file's name matches. '*' matches any
// characters, '?' one.
Glob ListedBy(const char* file, const char* globs);

inline bool IsListed(const char* file, const char* globs) { return ListedBy(file, globs).size > 0; }

// What is listed by default, and why: modules.cc.
extern const char kDefaultModules[];

}  // namespace secure_alloc::rules
