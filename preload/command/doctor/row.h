// What the doctor finds, and the rules by which it does: one small function a row.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace secure_alloc {

struct Facts;

// kLimited: kept, within a limit that the finding names.
enum class State { kOk, kLimited, kMissing };

struct Finding {
  State state = State::kOk;
  std::string value;    // as found: "8.0 MiB soft, 8.0 MiB hard"
  std::string meaning;  // what follows from it
  std::string fix;      // the line to type or write; empty if there is nothing to do
};

// A name never changes its meaning: programs read it in the JSON.
struct Rule {
  std::string_view name;
  Finding (*find)(const Facts&);
};

// What secure_alloc promises, and whether it can be kept here.
std::span<const Rule> PromiseRules();
// What else bears on it.
std::span<const Rule> MachineRules();

}  // namespace secure_alloc
