#include "allocator/promote/converter.h"

#include <errno.h>

#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

constinit StepHook step_hook = nullptr;

namespace {

int MakeAccessible(char* pages, size_t length, int protection) {
  if (protection == os::kReadWrite) return 0;
  return Refused(Step::kAccess) ?: os::ProtectAs(pages, length, os::kReadWrite);
}

bool IsScarcity(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

}  // namespace

Converter::~Converter() {
  for (const int file : faults_) {
    if (file >= 0) os::CloseFaults(file);
  }
}

int Converter::OpenFaults(Method method, Use use) {
  if (faults_[use] >= 0) return 0;
  const os::FaultScope scope =
      method == Method::kAllFaults ? os::FaultScope::kAll : os::FaultScope::kUser;
  const int error = os::OpenFaults(scope, /*follow=*/use == kDemote, &faults_[use], &sees_pins_);
  return error == 0 || IsScarcity(error) ? error : EOPNOTSUPP;
}

int Converter::Open(Method wanted, Use use) {
  if (wanted == Method::kNone) {
    constexpr Method kBestFirst[] = {Method::kAllFaults, Method::kUserFaults, Method::kStop};
    for (const Method method : kBestFirst) {
      if (const int error = Open(method, use); error != EOPNOTSUPP) return error;
    }
    return EOPNOTSUPP;
  }
  if (wanted != Method::kStop) {
    if (const int error = OpenFaults(wanted, use); error != 0) return error;
  }
  method_ = wanted;
  return 0;
}

// --- Promotion ---------------------------------------------------------------------

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

// --- Demotion ----------------------------------------------------------------------

int Converter::PlaceWatched(char* place, size_t length, int protection, char* fresh) {
  if (const int error = OpenFaults(method_, kDemote); error != 0) return error;
  int error = Refused(Step::kWatch) ?: os::WatchFaults(faults_[kDemote], fresh, length);
  if (error == 0 && protection != os::kReadWrite) {
    error = Refused(Step::kAccess) ?: os::ProtectAs(fresh, length, protection);
  }
  if (error != 0) return error;
  return Refused(Step::kMoveWatched) ?: os::MoveWatched(faults_[kDemote], fresh, place, length);
}

int Converter::FillWatched(char* place, size_t length, int protection, char* secret, size_t* done) {
  int error =
      Refused(Step::kPlacePages) ?: os::PlacePages(faults_[kDemote], place, secret, length, done);
  if (error != 0) {
    // The rest goes back, before anyone who waits for it runs on.
    char* const rest = secret + *done;
    if (protection != os::kReadWrite) {
      SA_CHECK(os::ProtectAs(rest, length - *done, protection) == 0);
    }
    SA_CHECK(os::Move(rest, place + *done, length - *done) == 0);
  }
  if (*done > 0) os::UnwatchFaults(faults_[kDemote], place, *done);
  os::WakeFaults(faults_[kDemote], place, length);
  return error;
}

int Converter::PlaceStopped(char* place, size_t length, int protection, char* fresh,
                            const char* secret) {
  if (const int error = Refused(Step::kStop) ?: os::StopThreads(); error != 0) return error;
  std::memcpy(fresh, secret, length);
  int error = 0;
  if (protection != os::kReadWrite) {
    error = Refused(Step::kAccess) ?: os::ProtectAs(fresh, length, protection);
  }
  if (error == 0) error = Refused(Step::kPlace) ?: os::Move(fresh, place, length);
  os::ResumeThreads();
  return error;
}

int Converter::Demote(char* place, size_t length, int protection, char** alias, size_t* done) {
  *done = 0;
  void* aliased = nullptr;
  int error = Refused(Step::kAlias) ?: os::Alias(place, length, &aliased);
  if (error != 0) return error;
  char* const secret = static_cast<char*>(aliased);
  error = MakeAccessible(secret, length, protection);
  char* fresh = nullptr;
  if (error == 0) {
    if (Refused(Step::kFresh) == 0) fresh = static_cast<char*>(os::MapAnonymous(length));
    // Pages that are there would not be waited for.
    if (fresh != nullptr && os::IsLocked(fresh)) os::UnlockEmpty(fresh, length);
    if (fresh == nullptr) {
      error = ENOMEM;
    } else if (method_ == Method::kStop) {
      error = PlaceStopped(place, length, protection, fresh, secret);
    } else {
      error = PlaceWatched(place, length, protection, fresh);
    }
  }
  if (error != 0) {
    if (fresh != nullptr) os::Unmap(fresh, length);
    os::Unmap(secret, length);
    return error;
  }
  *done = method_ == Method::kStop ? length : 0;
  if (method_ != Method::kStop) error = FillWatched(place, length, protection, secret, done);
  if (error == 0) {
    *alias = secret;
  } else if (*done > 0) {
    WipeBytes(secret, *done);
    os::Unmap(secret, *done);
  }
  return error;
}

}  // namespace secure_alloc
