// `secalloc stats`: what a running program keeps secret, and how.
#pragma once

#include "preload/command/common/arguments.h"

namespace secure_alloc {

int StatsCommand(const Words& words);

}  // namespace secure_alloc
