// Statistics, collected on request.
#pragma once

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {

class Domain;

// Of the process, and of one domain: its quota is the budget then.
void CollectStats(struct secalloc_stats* stats);
void CollectStats(Domain& domain, struct secalloc_stats* stats);

}  // namespace secure_alloc
