// By which form an object was allocated, and must be freed: that of malloc, new or new[].
//
// Off by default, as real programs mix them up. When on, no thread has a cache, so that every call
// takes the slow paths, which ask here: the fast paths know nothing of it. The form lies in the
// shadow of the slot's last granule (of a large object: of its second one), zero unless new made
// the object. Slots of two granules, whose second has the slack, serve no requests then.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

enum class Form : uint8_t { kMalloc, kNew, kNewArray };

extern constinit bool keeps_forms;  // set at start-up, before the first object

// Of a live object of ours; others are left alone.
void SetForm(const void* object, Form form);
// Faults if a live object of ours was allocated by another form.
void CheckForm(const void* object, Form form, const void* caller);

}  // namespace secure_alloc
