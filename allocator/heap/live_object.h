// What is done to an object by its address alone, whichever heap it is of. Each function but
// ObjectSize and TryMove, whose callers have done so, looks at it first, and faults on what lies
// inside the space and is no live object's start.
#pragma once

#include <cstddef>

#include "allocator/heap/large_run.h"

namespace secure_alloc {

// Frees any object of ours, by the way of all checks. False if the address is outside
// the space: not ours.
[[nodiscard]] bool FreeChecked(void* object, const void* caller);

struct ObjectInfo {
  size_t size = 0;
  unsigned first_bin = 0;  // of its heap
};
// Faults on an object whose check bytes are gone, too. False outside the space.
[[nodiscard]] bool Inspect(const void* object, const void* caller, ObjectInfo* info);

// The asked size of a live object of ours, its check bytes unread: they may be forbidden.
size_t ObjectSize(const void* object);

// Restricts access to a live object that has its pages to itself, EINVAL for others. Open
// again before it is freed or resized, by itself.
[[nodiscard]] int SetAccess(void* object, Access access, const void* caller);

// Changes the size of a live object of the ordinary heap by moving its pages; null if it must be
// copied.
[[nodiscard]] void* TryMove(void* object, size_t old_size, size_t request);

// Changes the asked size in place; false if the object must move.
[[nodiscard]] bool TryResize(void* object, size_t request, const void* caller);

}  // namespace secure_alloc
