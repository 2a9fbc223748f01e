// Statistics, written at exit by the option `stats`.
#pragma once

namespace secure_alloc {

// What the option asks for; nothing in forked children unless the path has %p.
void WriteStatsAtExit();

}  // namespace secure_alloc
