// Statistics: collected on request, and written at exit by the option `stats`.
#pragma once

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {

class Domain;

// Of the process, and of one domain: its quota is the budget then.
void CollectStats(struct secalloc_stats* stats);
void CollectStats(Domain& domain, struct secalloc_stats* stats);

// What the option asks for; nothing in forked children unless the path has %p.
void WriteStatsAtExit();

}  // namespace secure_alloc
