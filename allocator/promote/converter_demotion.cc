// The part of the converter that makes pages ordinary again.
#include <errno.h>

#include <cstring>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/converter.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

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
