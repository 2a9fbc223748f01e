// The whole contract with the kernel. Nothing else in the allocator makes a
// system call, and none of these touches errno: a call that may fail returns 0
// or the positive errno value.
//
// Addresses and lengths are multiples of PageSize() unless said otherwise; EINVAL if not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc::os {

// The kernel's page size: 4096, 16384 or 65536.
size_t PageSize();
// For tests on kernels with smaller pages, before anything else: what isn't whole pages of this
// size is refused from here on.
void PretendPageSize(size_t bytes);

// Address space without memory: PROT_NONE, not charged, not dumped. Null when there is none
// left (RLIMIT_AS, vm.max_map_count).
[[nodiscard]] void* Reserve(size_t length);

// Gives [address, length) back: unmaps it, or makes it reserved space again,
// its pages dropped. The second keeps the address from being reused by others;
// it is done in another way where mlockall(2) has made new mappings count.
void Unmap(void* address, size_t length);
[[nodiscard]] int Unreserve(void* address, size_t length);
// ... of MapSecret. EBUSY: RLIMIT_AS is below what is in use, or map entries are spent; the pages
// stay, inaccessible, until something is mapped over them. ENOMEM: so it is where they are absent,
// in a child, and others may map there.
[[nodiscard]] int UnreserveSecret(void* address, size_t length);

// Reserved pages become readable, writable and zero. ENOMEM: overcommit or map count.
[[nodiscard]] int Commit(void* address, size_t length);
// Committed pages become inaccessible, read-only or accessible; contents stay.
[[nodiscard]] int SetAccess(void* address, size_t length, bool read, bool write);
// Committed pages become inaccessible; contents stay.
[[nodiscard]] int Forbid(void* address, size_t length);
// Whether core dumps have these pages (debuggers dump even inaccessible ones). A matter
// of convenience, not of secrecy: failure changes nothing else.
void SetDumped(void* address, size_t length, bool dumped);
// Readable, writable anonymous memory of its own, or null.
[[nodiscard]] void* MapAnonymous(size_t length);
// The same, shared with children forked later.
[[nodiscard]] void* MapShared(size_t length);
// Drops the contents of private pages: they read as zero again. By stores, and then
// accessible, where the kernel does not help.
[[nodiscard]] int Discard(void* address, size_t length);

// Maps memfd_secret(2) pages over reserved space at `address`, or anywhere when
// it is null (`*mapped` gets the place). Readable and writable, never dumped;
// with `inherit`, a forked child gets the same pages, else nothing. The
// descriptor is closed on return, so no other process can be handed it.
// ENOSYS: no support; EPERM: a sandbox; EAGAIN: RLIMIT_MEMLOCK; EMFILE; EFBIG: RLIMIT_FSIZE.
[[nodiscard]] int MapSecret(void* address, size_t length, bool inherit, void** mapped);
// Moves a whole mapping over [to, to + length), which it replaces.
[[nodiscard]] int Move(void* from, void* to, size_t length);
// Moves private pages to the start of others of ours, all of which become one mapping, and leaves
// an empty mapping of the same kind behind. On failure both are as before. EFAULT: what moves is
// several mappings. EAGAIN: it is locked, and would become longer. EINVAL: Linux before 5.7.
[[nodiscard]] int Relocate(void* from, size_t length, void* to, size_t new_length);
// 0 if a sandbox lets Move() through.
[[nodiscard]] int TryMove();
// A forked child will not have these pages.
[[nodiscard]] int KeepFromChildren(void* address, size_t length);
// For long ranges that will be used: fewer page faults, where the kernel likes.
void PreferHugePages(void* address, size_t length);
// Takes that back: else the kernel, which likes them, fills in what Discard() gave back of them.
void AvoidHugePages(void* address, size_t length);
// Makes private pages exist before they are touched, at the price of one call; where it can't
// be had they come one by one.
void Populate(void* address, size_t length);
// Locks pages in memory and keeps them out of core dumps. ENOMEM or EPERM: RLIMIT_MEMLOCK.
[[nodiscard]] int LockUndumped(void* address, size_t length);
// Makes the kernel touch each page, so that a spent limit is EFAULT here and not
// SIGBUS later (memlock may be charged at the fault). Contents must be zero and stay zero.
// EFAULT: no memory for it; EIO: a sandbox refuses getrandom(2).
[[nodiscard]] int FaultIn(void* address, size_t length);

// Fills up to 256 bytes with randomness; never fails (falls back on clock and addresses).
void Random(void* bytes, size_t length);

// CPUs that this thread may run on; 0: not known.
unsigned Cpus();
// Milliseconds since some moment, to within a few.
uint64_t Milliseconds();

// Sleeps while *word == expected; spurious returns allowed. Wakes one sleeper.
void FutexWait(const uint32_t* word, uint32_t expected);
void FutexWake(const uint32_t* word);

// One line to standard error, only while descriptor 2 is still the file that
// RememberStderr() saw: a program may have given the number to a socket since.
void RememberStderr();
void WriteStderr(const char* text, size_t length);
// The beginning of a file, terminated by a zero byte; its length, 0 if there is nothing to read.
[[nodiscard]] size_t ReadFile(const char* path, char* text, size_t size);
// Creates or truncates a file, mode 0600, and writes all of it.
[[nodiscard]] int WriteFile(const char* path, const char* text, size_t length);

// Soft RLIMIT_AS and RLIMIT_MEMLOCK in bytes, SIZE_MAX when unlimited.
size_t AddressSpaceLimit();
size_t LockedMemoryLimit();
// What the kernel counts as locked of this process, in bytes.
size_t LockedMemory();
// Threads of this process; 0 where that can't be known.
size_t Threads();
// May this process lock memory beyond its limit (CAP_IPC_LOCK in the machine's own user
// namespace)?
bool MayLockAnyAmount();
// Memory of the machine and its swap, in bytes.
size_t MachineMemory();

uint32_t ProcessId();
// The path of this process's program, cut to `size`; false if it can't be had.
[[nodiscard]] bool ExecutableName(char* buffer, size_t size);

// SIGABRT, whatever its handler and mask; does not return.
[[noreturn]] void Abort();

}  // namespace secure_alloc::os
