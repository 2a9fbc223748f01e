// One operation, tried on an area in a process of its own. What it returns is a cell of the
// table in docs/incompatible.md: "works", the name of an error, "not tried: WHY", or a word of
// its own such as "present". A signal ends the process and becomes the cell ("SIGABRT").
#pragma once

#include <errno.h>

#include <span>
#include <string>

#include "tests/conformance/area.h"

namespace secure_alloc::conformance {

struct Operation {
  const char* name;
  std::string (*attempt)(const Area& area, int argument);
  int argument = 0;
};

// "EFAULT".
std::string ErrorName(int error = errno);
inline std::string Done(bool done) { return done ? "works" : ErrorName(); }
std::string NotTried(const std::string& why);
inline constexpr char kNoFile[] = "no file";
inline constexpr char kWrongData[] = "wrong data";

// A folder for files of this process; removed by the runner.
std::string Scratch(const std::string& name);

std::span<const Operation> IoOperations();
std::span<const Operation> DirectOperations();
std::span<const Operation> UringOperations();
std::span<const Operation> WaitOperations();
std::span<const Operation> MappingOperations();
std::span<const Operation> AdviceOperations();
std::span<const Operation> FileOperations();
std::span<const Operation> ObserverOperations();
std::span<const Operation> TracerOperations();
std::span<const Operation> DumpOperations();

}  // namespace secure_alloc::conformance
