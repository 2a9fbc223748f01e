#include "allocator/promote/converter.h"

#include <errno.h>

#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

constinit StepHook step_hook = nullptr;

namespace {

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

int Converter::MakeAccessible(char* pages, size_t length, int protection) {
  if (protection == os::kReadWrite) return 0;
  return Refused(Step::kAccess) ?: os::ProtectAs(pages, length, os::kReadWrite);
}

}  // namespace secure_alloc
