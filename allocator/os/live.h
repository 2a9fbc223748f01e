// The part of the kernel's contract that live promotion needs: what is mapped where, which
// threads there are, and how others are kept away from pages while these are exchanged.
//
// As in os.h: 0 or a positive errno value, errno itself is not touched, addresses and
// lengths are multiples of the page size.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc::os {

// --- Mappings ------------------------------------------------------------------------

// As PROT_READ, PROT_WRITE, PROT_EXEC.
inline constexpr int kReadable = 1, kWritable = 2, kExecutable = 4;
inline constexpr int kReadWrite = kReadable | kWritable;

struct Mapping {
  uintptr_t begin;
  uintptr_t end;
  int protection;
  bool shared;
  bool secret;      // of a memfd_secret(2) file
  bool foreign;     // of another file, or the kernel's own: [vdso] and the like
  bool stack;       // the first thread's
  uint64_t offset;  // in a file
  uint64_t inode;
};

// The mappings that end behind an address, in order. Those that come and go meanwhile may be
// missed, those that stay are not. From Linux 6.11 on the kernel is asked for each (PROCMAP_QUERY),
// before that it writes /proc/thread-self/maps for all. (Once the first thread has ended there is
// nothing in /proc/self/maps.)
class MappingReader {
 public:
  explicit MappingReader(uintptr_t from = 0) : MappingReader(from, "/proc/thread-self/maps") {}
  ~MappingReader();
  MappingReader(const MappingReader&) = delete;
  MappingReader& operator=(const MappingReader&) = delete;

  // Goes on from another address.
  void Restart(uintptr_t from);
  // False at the end, and when error() is not 0: EMFILE, ENFILE, or no /proc (ENOENT).
  [[nodiscard]] bool Next(Mapping* mapping);
  int error() const { return error_; }

 private:
  friend int FindMapping(uintptr_t address, Mapping* mapping, bool* locked, bool* undumped);
  MappingReader(uintptr_t from, const char* path);
  [[nodiscard]] bool NextLine(char** line);
  // 0, ENOENT at the end, ENOTTY if the kernel can't be asked so.
  [[nodiscard]] int Ask(Mapping* mapping);

  uintptr_t from_;
  int file_ = -1;
  bool by_text_ = false;
  int error_ = 0;
  size_t begin_ = 0;  // of what is not read yet in text_
  size_t end_ = 0;
  bool in_long_line_ = false;
  char text_[4096];  // of longer lines, which end with a path, the start
};

// The mapping that holds `address`. ENOMEM: none.
[[nodiscard]] int FindMapping(uintptr_t address, Mapping* mapping);
[[nodiscard]] int FindMapping(MappingReader& reader, uintptr_t address, Mapping* mapping);
// ... and whether it is locked and kept out of core dumps. Slow: by /proc/thread-self/smaps, which
// counts the pages of every mapping up to there.
[[nodiscard]] int FindMapping(uintptr_t address, Mapping* mapping, bool* locked, bool* undumped);

// Is the mapping at this page locked (mlock), or one that the kernel can't page?
bool IsLocked(void* page);
// New memory that mlockall(MCL_FUTURE) may have locked and filled is unlocked and empty.
void UnlockEmpty(void* address, size_t length);
// EINVAL: reading it would be a fault, though it is readable: guards (MADV_GUARD_INSTALL), pages
// that the hardware has lost. ENOMEM.
[[nodiscard]] int TryRead(void* address, size_t length);
// Does another process, a child forked earlier, have one of these pages too? They are readable
// and have just been read, so present.
[[nodiscard]] int IsSharedWithOthers(const void* address, size_t length, bool* shared);

// --- Exchange ------------------------------------------------------------------------

// memfd_secret(2) pages anywhere, as MapSecret() maps them; *inode names their file. The file
// is larger than the mapping, so that a program's mremap(2) may grow it.
[[nodiscard]] int MapSecretFile(size_t length, bool inherit, void** mapped, uint64_t* inode);
// Moves pages over reserved space and leaves an empty mapping of the same kind behind.
// EPERM: sealed by mseal(2). ENOMEM: no map entries, or overcommit.
[[nodiscard]] int MoveAway(void* from, void* to, size_t length);
// A second mapping of the same shared pages: anywhere, or over what lies at `to`. EPERM: sealed.
[[nodiscard]] int Alias(void* address, size_t length, void** alias);
[[nodiscard]] int AliasOver(void* address, void* to, size_t length);
[[nodiscard]] int ProtectAs(void* address, size_t length, int protection);
// Fresh ordinary pages in place of whatever is mapped there.
[[nodiscard]] int MapAnonymousOver(void* address, size_t length, int protection);

// userfaultfd(2): a thread that touches a missing page of a watched range waits.
enum class FaultScope {
  kAll,   // system calls that touch the range wait as well; needs a privilege
  kUser,  // they fail with EFAULT
};
// EPERM, ENOSYS: not here. EMFILE, ENFILE. With `follow`, a range that is moved stays watched, and
// who moves it waits for TakeMoveEvent(). *sees_pins: MoveUnpinned() can be had, from Linux 6.8.
[[nodiscard]] int OpenFaults(FaultScope scope, bool follow, int* file, bool* sees_pins);
void CloseFaults(int file);  // Wakes whoever waits.
// EBUSY: watched by another. EINVAL: pages of a kind that can't be.
[[nodiscard]] int WatchFaults(int file, void* address, size_t length);
void UnwatchFaults(int file, void* address, size_t length);
void WakeFaults(int file, void* address, size_t length);
// Places copies of pages in a watched range, and wakes who waits for them. Of *done bytes, also
// on failure.
[[nodiscard]] int PlacePages(int file, void* to, const void* from, size_t length, size_t* done);

// Moves private pages from one range to another that is watched through `file` and was never
// touched, if none is pinned: by a transfer under way (O_DIRECT), or for good (io_uring's buffers).
// The kernel refuses with EBUSY; pages that a child shares count as pinned unless they were
// just written to. Of *moved bytes, also on failure. EINVAL: locked, or with a protection key.
[[nodiscard]] int MoveUnpinned(int file, void* from, void* to, size_t length, size_t* moved);

// Moves `from`, watched through `file` with `follow`, over `to`; the range stays watched.
// EAGAIN: no thread to take the event.
[[nodiscard]] int MoveWatched(int file, void* from, void* to, size_t length);

// --- Threads -------------------------------------------------------------------------

uint32_t ThreadId();
// Calls visit(tid, argument) for each thread of this process until it returns an error.
[[nodiscard]] int ForEachThread(int (*visit)(uint32_t thread, void* argument), void* argument);
// Where a thread told the kernel its list of robust mutexes is: inside its control block. 0: none.
uintptr_t RobustListOf(uint32_t thread);
// The caller's alternate signal stack; false if it has none.
[[nodiscard]] bool SignalStack(uintptr_t* begin, uintptr_t* end);

// While it lives no handler of the program runs on this thread.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  uint64_t old_mask_ = 0;
};

// Stops every other thread by a real-time signal that the program has no handler for, and whose
// disposition is put back afterwards. EBUSY: a thread blocks it, or did not stop within a second,
// or there are more than 1024, or no such signal is free. Signals of the caller must be blocked.
[[nodiscard]] int StopThreads();
void ResumeThreads();

}  // namespace secure_alloc::os
