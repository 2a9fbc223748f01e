// Giving up, after start-up, what only an attacker would need: secalloc_lockdown in the public
// header says what each flag does. Nothing of it can be undone.
#pragma once

namespace secure_alloc {

inline constexpr unsigned kLockMaps = 1;
inline constexpr unsigned kLockGrowth = 2;
inline constexpr unsigned kLockCalls = 4;
inline constexpr unsigned kLockAllButWork = 8;
inline constexpr unsigned kAllLocks = 15;

// Adds to the flags in force. 0, or the errno value of the header.
[[nodiscard]] int LockDown(unsigned flags);

// The flags in force.
unsigned LockedDown();

// At load, if the option `lockdown` asks for it: maps and calls. What can't be had is told in a
// line on standard error, and the process goes on.
void LockDownByOption();

}  // namespace secure_alloc
