// The rules about secret memory and its limit.
#pragma once

#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/row.h"

namespace secure_alloc {

Finding SecretMemory(const Facts& facts);
Finding Accounting(const Facts& facts);
Finding Scope(const Facts& facts);
Finding Memlock(const Facts& facts);

}  // namespace secure_alloc
