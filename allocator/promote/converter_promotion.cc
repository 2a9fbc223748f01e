// The part of the converter that makes pages secret.
#include <errno.h>

#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/converter.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

// Where the old pages are: the first of them may have moved on from staging.
struct Converter::OldPages {
  static constexpr size_t kGap = kPageSize;

  char* area;
  size_t length;
  bool can_move;  // beyond
  size_t moved;   // bytes that are beyond

  char* staging() const { return area + kGap; }
  char* beyond() const { return staging() + length + kGap; }
  char* rest() const { return staging() + moved; }
  size_t rest_length() const { return length - moved; }

  static size_t AreaFor(size_t length) { return 2 * (kGap + length); }
  // Also cuts staging out: once pages are away no map entry is needed any more.
  [[nodiscard]] int CloseGaps() const {
    return os::ProtectAs(area, kGap, 0) ?: os::ProtectAs(staging() + length, kGap, 0);
  }
  void Unmap() const { os::Unmap(area, AreaFor(length)); }
  void Wipe() const {
    WipeBytes(beyond(), moved);
    WipeBytes(rest(), rest_length());
  }
  [[nodiscard]] int ProtectAs(int protection) const {
    const int error = moved == 0 ? 0 : os::ProtectAs(beyond(), moved, protection);
    if (error != 0 || moved == length) return error;
    return os::ProtectAs(rest(), rest_length(), protection);
  }
  // What they leave are holes, in which others may map: only the rest of the area is ours to unmap.
  void MoveBack(char* place) const {
    if (moved > 0) SA_CHECK(os::Move(beyond(), place, moved) == 0);
    if (moved < length) {
      SA_CHECK(os::Move(rest(), place + moved, rest_length()) == 0);
      os::Unmap(beyond() + moved, rest_length());
    }
    os::Unmap(area, kGap + moved);
    os::Unmap(staging() + length, kGap);
  }
};

int Converter::CloseToOthers(char* place, char* staging, size_t length) {
  if (method_ == Method::kStop) {
    if (const int error = Refused(Step::kStop) ?: os::StopThreads(); error != 0) return error;
  } else {
    const int error = Refused(Step::kWatch) ?: os::WatchFaults(faults_[kPromote], place, length);
    if (error != 0) return error;
  }
  const int error = Refused(Step::kMoveAway) ?: os::MoveAway(place, staging, length);
  if (error == 0) return 0;
  if (method_ == Method::kStop) {
    os::ResumeThreads();
  } else {
    os::UnwatchFaults(faults_[kPromote], place, length);
  }
  return error;
}

// Where the old pages can go if none is pinned; nobody ever waits for these.
int Converter::WatchBeyond(OldPages& old) {
  // Any userfaultfd will do. Without one pins can't be seen.
  if (method_ == Method::kStop && OpenFaults(Method::kUserFaults, kPromote) != 0) return 0;
  old.can_move = sees_pins_;
  return sees_pins_ ? os::WatchFaults(faults_[kPromote], old.beyond(), old.length) : 0;
}

// A device that goes on writing to an old page would write into what is freed.
int Converter::LeavePins(OldPages& old) {
  if (!old.can_move) return 0;
  // Pages that a child shares become our own: they are not pinned.
  for (char* page = old.staging(); page < old.staging() + old.length; page += kPageSize) {
    *static_cast<volatile char*>(page) = *page;
  }
  const auto move = [&] {
    return Refused(Step::kUnpin)
               ?: os::MoveUnpinned(faults_[kPromote], old.staging(), old.beyond(), old.length,
                                   &old.moved);
  };
  const int error = move();
  if ((error != EINVAL && error != EEXIST) || old.moved > 0) return error;
  os::UnlockEmpty(old.beyond(), old.length);
  return move();
}

int Converter::FillAndPlace(char* place, int protection, char* secret, OldPages& old,
                            bool unshared) {
  if (const int error = MakeAccessible(old.staging(), old.length, protection); error != 0) {
    return error;
  }
  if (const int error = os::TryRead(old.staging(), old.length); error != 0) return error;
  std::memcpy(secret, old.staging(), old.length);
  if (unshared) {
    bool shared;
    if (const int error = os::IsSharedWithOthers(old.staging(), old.length, &shared); error != 0) {
      return error;
    }
    if (shared) return EBUSY;
  }
  if (const int error = LeavePins(old); error != 0) return error;
  if (protection != os::kReadWrite) {
    const int error = Refused(Step::kAccess) ?: os::ProtectAs(secret, old.length, protection);
    if (error != 0) return error;
  }
  return Refused(Step::kPlace) ?: os::Move(secret, place, old.length);
}

int Converter::Promote(char* place, size_t length, int protection, char* secret, bool unshared) {
  char* const area = Refused(Step::kStaging) != 0
                         ? nullptr
                         : static_cast<char*>(os::MapAnonymous(OldPages::AreaFor(length)));
  if (area == nullptr) return ENOMEM;
  OldPages old = {area, length, false, 0};
  int error = method_ == Method::kStop ? 0 : OpenFaults(method_, kPromote);
  if (error == 0) error = old.CloseGaps();
  if (error == 0) error = WatchBeyond(old);
  if (error == 0) error = CloseToOthers(place, old.staging(), length);
  if (error != 0) {
    old.Unmap();
    return error;
  }
  error = FillAndPlace(place, protection, secret, old, unshared);
  if (error != 0) {
    if (protection != os::kReadWrite) {
      // Ranges of their own: no map entry is needed.
      SA_CHECK(old.ProtectAs(protection) == 0);
      SA_CHECK(os::ProtectAs(secret, length, os::kReadWrite) == 0);
    }
    WipeBytes(secret, length);
    old.MoveBack(place);
  }
  if (method_ == Method::kStop) {
    os::ResumeThreads();
  } else {
    os::WakeFaults(faults_[kPromote], place, length);
  }
  if (error != 0) return error;
  old.Wipe();
  old.Unmap();
  return 0;
}

}  // namespace secure_alloc
