// secalloc_query: the truth about one address, without touching it.
#pragma once

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {

void Query(const void* address, struct secalloc_info* info);

}  // namespace secure_alloc
