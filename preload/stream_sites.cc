#include "preload/stream_sites.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>

namespace secure_alloc::rules {
namespace {

constexpr unsigned kMaxSites = 8;
constexpr unsigned kCodePageShift = 12;

const void* sites[kMaxSites];
unsigned site_count = 0;
constinit thread_local bool noting = false;  // The next allocation of this thread is a site.

uintptr_t PageOf(const void* address) {
  return reinterpret_cast<uintptr_t>(address) >> kCodePageShift;
}

// Not inlined, as the compiler would miss pclose for popen, which never gets that far.
[[gnu::noinline]] void Close(FILE* stream) {
  if (stream != nullptr) fclose(stream);
}

template <typename Open>
void Note(Open open) {
  noting = true;
  Close(open());
  noting = false;
}

FILE* OpenDescriptor() {
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  FILE* const stream = fdopen(file, "r");
  if (stream == nullptr) close(file);
  return stream;
}

}  // namespace

void FindStreamSites() {
  const int saved_errno = errno;
  // A mode that is none is refused only after the FILE was allocated.
  Note([] { return fopen("/dev/null", "?"); });
  Note([] { return popen("", "?"); });
  Note(OpenDescriptor);
  Note([] { return fopencookie(nullptr, "r", cookie_io_functions_t{}); });
  char* text = nullptr;
  size_t size = 0;
  Note([&] { return open_memstream(&text, &size); });
  free(text);
  errno = saved_errno;
}

bool IsStreamSite(const void* caller) {
  if (noting && site_count < kMaxSites) {
    noting = false;
    sites[site_count++] = caller;
    return true;
  }
  for (unsigned i = 0; i < site_count; ++i) {
    if (sites[i] == caller) return true;
  }
  return false;
}

bool IsOnStreamPage(const void* caller) {
  for (unsigned i = 0; i < site_count; ++i) {
    if (PageOf(sites[i]) == PageOf(caller)) return true;
  }
  return false;
}

}  // namespace secure_alloc::rules
