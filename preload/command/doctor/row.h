// One line of the doctor's findings.
#pragma once

#include <string>

namespace secure_alloc {

enum class State { kOk, kLimited, kMissing };

struct Row {
  std::string name;
  State state = State::kOk;
  std::string value;    // as found: "8.0 MiB soft, 8.0 MiB hard"
  std::string meaning;  // what follows from it
  std::string fix;      // what to type or write where; empty if there is nothing to do
};

}  // namespace secure_alloc
