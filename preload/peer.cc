#include "preload/peer.h"

#include <dlfcn.h>

namespace secure_alloc {
namespace {

template <typename Function>
bool Find(const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  return *function != nullptr;
}

// jemalloc(3): flags as in <jemalloc/jemalloc.h>.
constexpr int kZero = 0x40;
int AlignFlag(size_t alignment) { return __builtin_ctzl(alignment); }

struct Jemalloc {
  void* (*mallocx)(size_t, int);
  void* (*rallocx)(void*, size_t, int);
  void (*dallocx)(void*, int);
  size_t (*sallocx)(const void*, int);
};
constinit Jemalloc jemalloc = {};

// mallocx and rallocx leave size 0 undefined.
size_t AtLeastOne(size_t size) { return size == 0 ? 1 : size; }

constexpr entry::Peer kJemalloc = {
    .allocate = [](size_t size) { return jemalloc.mallocx(AtLeastOne(size), 0); },
    .allocate_zeroed = [](size_t size) { return jemalloc.mallocx(AtLeastOne(size), kZero); },
    .allocate_aligned =
        [](size_t alignment, size_t size) {
          return jemalloc.mallocx(AtLeastOne(size), AlignFlag(alignment));
        },
    .resize = [](void* object,
                 size_t size) { return jemalloc.rallocx(object, AtLeastOne(size), 0); },
    .free = [](void* object) { jemalloc.dallocx(object, 0); },
    .usable_size = [](void* object) { return jemalloc.sallocx(object, 0); },
};

struct System {
  void* (*malloc)(size_t);
  void* (*calloc)(size_t, size_t);
  void* (*memalign)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void (*free)(void*);
  size_t (*usable_size)(void*);
};
constinit System system_malloc = {};

constexpr entry::Peer kSystem = {
    .allocate = [](size_t size) { return system_malloc.malloc(size); },
    .allocate_zeroed = [](size_t size) { return system_malloc.calloc(1, size); },
    .allocate_aligned = [](size_t alignment,
                           size_t size) { return system_malloc.memalign(alignment, size); },
    .resize = [](void* object, size_t size) { return system_malloc.realloc(object, size); },
    .free = [](void* object) { system_malloc.free(object); },
    .usable_size = [](void* object) { return system_malloc.usable_size(object); },
};

}  // namespace

const entry::Peer* JemallocPeer() {
  const bool found = Find("mallocx", &jemalloc.mallocx) && Find("rallocx", &jemalloc.rallocx) &&
                     Find("dallocx", &jemalloc.dallocx) && Find("sallocx", &jemalloc.sallocx);
  return found ? &kJemalloc : nullptr;
}

const entry::Peer* SystemPeer() {
  const bool found = Find("malloc", &system_malloc.malloc) &&
                     Find("calloc", &system_malloc.calloc) &&
                     Find("memalign", &system_malloc.memalign) &&
                     Find("realloc", &system_malloc.realloc) &&
                     Find("free", &system_malloc.free) &&
                     Find("malloc_usable_size", &system_malloc.usable_size);
  return found ? &kSystem : nullptr;
}

}  // namespace secure_alloc
