// The exchange of pages under running threads: contents and address stay, what is behind them
// changes. Knows nothing of budgets and of what was promoted before.
//
// What other threads see meanwhile depends on the method:
//   kAllFaults   loads, stores and system calls on the range wait (full userfaultfd)
//   kUserFaults  loads and stores wait; a system call that touches the range may fail with
//                EFAULT or come out short
//   kStop        all other threads stand still; a system call may be interrupted, as by any
//                handled signal
//
// Promotion of [p, p + n), private anonymous memory, to the secret pages s:
//   area   | gap | staging | gap | beyond |
//   watch p;   move p away to staging: who touches p waits from here on
//   copy staging to s;   move the old pages beyond, which the kernel refuses if any is pinned
//   move s over p;   wake;   wipe the old pages
// Demotion:
//   alias of p;   watch fresh pages;   move them over p (they stay watched)
//   place copies of the alias's pages in p, each wakes who waits for it
// A step that fails before the pages are in place is rolled back: nothing has changed.
// The gaps are inaccessible: Linux may join what is moved with a neighbour, and forgets then that
// both are watched.
//
// Not thread-safe; the caller has blocked signals, and p is none of its own stack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

enum class Method : uint8_t { kNone, kAllFaults, kUserFaults, kStop };

class Converter {
 public:
  constexpr Converter() = default;
  ~Converter();
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  enum Use { kPromote, kDemote };
  // Opens a method, the best that can be had for kNone. EOPNOTSUPP: this one can't be had.
  // Undoing what was opened for may open more.
  [[nodiscard]] int Open(Method wanted, Use use);
  Method method() const { return method_; }

  // `secret`: zero pages, readable and writable. With `unshared`, EBUSY if a child forked
  // earlier has any of the old pages.
  [[nodiscard]] int Promote(char* place, size_t length, int protection, char* secret,
                            bool unshared);
  // *alias: where the secret pages are now, readable and writable, contents as they were. Of
  // *done bytes, also on failure; the rest is secret as before, and there is no alias then.
  [[nodiscard]] int Demote(char* place, size_t length, int protection, char** alias, size_t* done);

 private:
  [[nodiscard]] int CloseToOthers(char* place, char* staging, size_t length);
  struct OldPages;
  [[nodiscard]] int FillAndPlace(char* place, int protection, char* secret, OldPages& old,
                                 bool unshared);
  [[nodiscard]] int WatchBeyond(OldPages& old);
  [[nodiscard]] int LeavePins(OldPages& old);
  [[nodiscard]] int PlaceWatched(char* place, size_t length, int protection, char* fresh);
  [[nodiscard]] int FillWatched(char* place, size_t length, int protection, char* secret,
                                size_t* done);
  [[nodiscard]] int PlaceStopped(char* place, size_t length, int protection, char* fresh,
                                 const char* secret);
  [[nodiscard]] int OpenFaults(Method method, Use use);
  // Readable and writable for us, whatever the program made them.
  [[nodiscard]] static int MakeAccessible(char* pages, size_t length, int protection);

  Method method_ = Method::kNone;
  int faults_[2] = {-1, -1};  // by use
  bool sees_pins_ = false;
};

}  // namespace secure_alloc
