// `secalloc doctor`: what this machine gives for keeping secrets, what is missing, the fix.
#pragma once

#include "preload/command/common/arguments.h"

namespace secure_alloc {

int DoctorCommand(const Words& words);

}  // namespace secure_alloc
