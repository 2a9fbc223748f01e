#include "allocator/promote/converter.h"

#include <errno.h>

#include <cstring>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

constinit StepHook step_hook = nullptr;

namespace {

constexpr int kAccess = os::kReadable | os::kWritable;

int MakeAccessible(char* pages, size_t length, int protection) {
  if (protection == kAccess) return 0;
  return Refused(Step::kAccess) ?: os::ProtectAs(pages, length, kAccess);
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
  const int error = os::OpenFaults(scope, /*follow=*/use == kDemote, &faults_[use]);
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
    // Tells whether such pages can be exchanged at all.
    int error = OpenFaults(method_, kPromote);
    if (error == 0) error = Refused(Step::kWatch) ?: os::WatchFaults(faults_[kPromote], place, length);
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

int Converter::FillAndPlace(char* place, size_t length, int protection, char* secret,
                            char* staging, bool unshared) {
  if (const int error = MakeAccessible(staging, length, protection); error != 0) return error;
  std::memcpy(secret, staging, length);
  if (unshared) {
    bool shared;
    if (const int error = os::IsSharedWithOthers(staging, length, &shared); error != 0) {
      return error;
    }
    if (shared) return EBUSY;
  }
  if (protection != kAccess) {
    const int error = Refused(Step::kAccess) ?: os::ProtectAs(secret, length, protection);
    if (error != 0) return error;
  }
  return Refused(Step::kPlace) ?: os::Move(secret, place, length);
}

int Converter::Promote(char* place, size_t length, int protection, char* secret, bool unshared) {
  char* const staging =
      Refused(Step::kStaging) != 0 ? nullptr : static_cast<char*>(os::Reserve(length));
  if (staging == nullptr) return ENOMEM;
  int error = CloseToOthers(place, staging, length);
  if (error != 0) {
    os::Unmap(staging, length);
    return error;
  }
  error = FillAndPlace(place, length, protection, secret, staging, unshared);
  if (error != 0) {
    if (protection != kAccess) {
      // Two ranges of their own: no map entry is needed.
      SA_CHECK(os::ProtectAs(staging, length, protection) == 0);
      SA_CHECK(os::ProtectAs(secret, length, kAccess) == 0);
    }
    WipeBytes(secret, length);
    SA_CHECK(os::Move(staging, place, length) == 0);
  }
  if (method_ == Method::kStop) {
    os::ResumeThreads();
  } else {
    os::WakeFaults(faults_[kPromote], place, length);
  }
  if (error != 0) return error;
  WipeBytes(staging, length);
  os::Unmap(staging, length);
  return 0;
}

// --- Demotion ----------------------------------------------------------------------

int Converter::PlaceWatched(char* place, size_t length, int protection, char* fresh) {
  if (const int error = OpenFaults(method_, kDemote); error != 0) return error;
  int error = Refused(Step::kWatch) ?: os::WatchFaults(faults_[kDemote], fresh, length);
  if (error == 0 && protection != kAccess) {
    error = Refused(Step::kAccess) ?: os::ProtectAs(fresh, length, protection);
  }
  if (error != 0) return error;
  return Refused(Step::kMoveWatched) ?: os::MoveWatched(faults_[kDemote], fresh, place, length);
}

int Converter::FillWatched(char* place, size_t length, int protection, char* secret, size_t* done) {
  int error = Refused(Step::kPlacePages) ?: os::PlacePages(faults_[kDemote], place, secret, length, done);
  if (error != 0) {
    // The rest goes back, before anyone who waits for it runs on.
    char* const rest = secret + *done;
    if (protection != kAccess) SA_CHECK(os::ProtectAs(rest, length - *done, protection) == 0);
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
  if (protection != kAccess) {
    error = Refused(Step::kAccess) ?: os::ProtectAs(fresh, length, protection);
  }
  if (error == 0) error = Refused(Step::kPlace) ?: os::Move(fresh, place, length);
  os::ResumeThreads();
  return error;
}

int Converter::Demote(char* place, size_t length, int protection, char** alias, size_t* done) {
  *done = 0;
  char* const secret =
      Refused(Step::kAlias) != 0 ? nullptr : static_cast<char*>(os::Alias(place, length));
  if (secret == nullptr) return ENOMEM;
  int error = MakeAccessible(secret, length, protection);
  char* fresh = nullptr;
  if (error == 0) {
    if (Refused(Step::kFresh) == 0) fresh = static_cast<char*>(os::MapAnonymous(length));
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
