// The rows about everything else that bears on secrets: privileges, sandbox, swap, dumps.
#pragma once

#include <vector>

#include "preload/command/doctor/row.h"

namespace secure_alloc {

// In the machine's own user namespace, not one of a container.
bool InFirstUserNamespace();
// In effect for this process, whatever its user namespace.
bool HasIpcLock();

std::vector<Row> MachineRows();

}  // namespace secure_alloc
