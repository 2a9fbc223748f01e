#include "preload/libc_sites.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include <cstdint>
#include <cstring>

namespace secure_alloc::rules {
namespace {

constexpr unsigned kMaxSites = 32;

// Written once, before threads.
uintptr_t libc_begin = 0;
size_t libc_size = 0;
const void* sites[kMaxSites];
unsigned site_count = 0;

constinit thread_local bool noting = false;  // This thread's calls from libc are data sites.

// Runs `use`, which allocates data by way of libc and returns it.
template <typename Use>
void Note(Use use) {
  noting = true;
  void* const data = use();
  noting = false;
  free(data);
}

void* Print() {
  char* text = nullptr;
  // Long enough to outgrow any buffer on the stack.
  return asprintf(&text, "%4000d", 0) < 0 ? nullptr : text;
}

// A stream's buffer is allocated at its first use; the line that is read grows.
void NoteStreams() {
  char text[1024];
  std::memset(text, 'x', sizeof text);
  FILE* const stream = fmemopen(text, sizeof text, "r");
  if (stream == nullptr) return;
  char* line = nullptr;
  size_t size = 0;
  Note([&]() -> void* { return getline(&line, &size, stream) < 0 ? nullptr : line; });
  fclose(stream);
  char* written = nullptr;
  FILE* const memory = open_memstream(&written, &size);
  if (memory == nullptr) return;
  Note([&]() -> void* {
    for (int i = 0; i < 5; ++i) fwrite(text, 1, sizeof text, memory);
    return nullptr;
  });
  fclose(memory);
  free(written);
}

}  // namespace

void FindLibcSites() {
  struct dl_find_object found;
  if (_dl_find_object(dlsym(RTLD_NEXT, "gnu_get_libc_version"), &found) != 0) return;
  libc_begin = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
  libc_size = reinterpret_cast<uintptr_t>(found.dlfo_map_end) - libc_begin;
  const int saved_errno = errno;
  Note([]() -> void* { return strdup("data"); });
  Note([]() -> void* { return strndup("data", 2); });
  Note([]() -> void* { return wcsdup(L"data"); });
  Note([]() -> void* { return getcwd(nullptr, 0); });
  Note([]() -> void* { return realpath("/", nullptr); });
  Note(Print);
  NoteStreams();
  errno = saved_errno;
}

bool IsInLibc(const void* caller) {
  return reinterpret_cast<uintptr_t>(caller) - libc_begin < libc_size;
}

bool IsDataSite(const void* caller) {
  for (unsigned i = 0; i < site_count; ++i) {
    if (sites[i] == caller) return true;
  }
  if (noting && site_count < kMaxSites) sites[site_count++] = caller;
  return noting;
}

}  // namespace secure_alloc::rules
