// `secalloc scan`: is this key visible in a process's memory or in a core file?
#pragma once

#include "preload/command/common/arguments.h"

namespace secure_alloc {

int ScanCommand(const Words& words);

}  // namespace secure_alloc
