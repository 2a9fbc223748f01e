// The last chance to see an overflow: of objects that are never freed, at the process's end.
#pragma once

namespace secure_alloc {

// Faults if a live object of any domain was overrun. Not in a process that ever had a second
// thread, or in its forked children: what those leave half done can't be told from an overflow.
void CheckObjectsAtExit();

}  // namespace secure_alloc
