// Runs each case for each size tier, home and policy in a process of its own, compares how it
// ends with how it must, and prints the table of properties.
//
//   death_test REFUSE                the table; exit status 0 if all is as it must be. REFUSE:
//                                    the program of tests/limits that refuses system calls
//   death_test REFUSE CASE SIZE HOME    one case, by its number in the table (for a debugger)
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/death/cases.h"
#include "tests/death/created_domain.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {

namespace {

constexpr size_t kLargeFrom = 32 << 10;
constexpr const char* kMemfdSecret = "447";  // libseccomp is too old to know the name
constexpr const char* kHomeNames[] = {"public", "secret", "created"};

const char* NameOf(Home home) { return kHomeNames[static_cast<int>(home)]; }

}  // namespace

void* Setting::Allocate(size_t bytes) const {
  if (home == Home::kPublic) return malloc(bytes);
  if (home == Home::kSecret) return secalloc_malloc(bytes);
  return secalloc_domain_malloc(CreatedDomain(), bytes);
}

void* Setting::AllocateArray(size_t count, size_t bytes) const {
  if (home == Home::kPublic) return calloc(count, bytes);
  if (home == Home::kSecret) return secalloc_calloc(count, bytes);
  return secalloc_domain_calloc(CreatedDomain(), count, bytes);
}

namespace {

struct Policy {
  const char* name;
  const char* options;
  bool refuses;  // memfd_secret(2), so that the fallback is met
  const char* notice;
  std::vector<Home> homes;
};

const Policy kPolicies[] = {
    {"the default", "", false, nullptr, {Home::kPublic, Home::kSecret, Home::kCreated}},
    {"scope=all", "scope=all", false, nullptr, {Home::kPublic}},
    {"scope=api", "scope=api", false, nullptr, {Home::kPublic, Home::kSecret}},
    {"mismatch=1", "mismatch=1", false, nullptr, {Home::kPublic, Home::kSecret, Home::kCreated}},
    {"fallback=locked, without memfd_secret", "fallback=locked", true,
     "secure_alloc: secrets are in locked memory", {Home::kSecret, Home::kCreated}},
    {"fallback=plain, without a budget", "fallback=plain,budget=1", false,
     "secure_alloc: secrets are in ordinary memory", {Home::kSecret, Home::kCreated}},
};

struct EndText {
  const char* word;      // in the table
  const char* sentence;  // what the library says; null: nothing
  int signal;
};

EndText TextOf(End end) {
  switch (end) {
    case End::kHolds:
      return {"holds", nullptr, 0};
    case End::kSegv:
      return {"SIGSEGV", nullptr, SIGSEGV};
    case End::kDoubleFree:
      return {"double free", "double free", SIGABRT};
    case End::kDoubleFreeRace:
      return {"double free", "double free", SIGABRT};
    case End::kInvalidFree:
      return {"invalid free", "invalid free: not the start of an allocated object", SIGABRT};
    case End::kOverflow:
      return {"overflow", "overflow: the bytes behind an object were overwritten", SIGABRT};
    case End::kWriteAfterFree:
      return {"write after free", "write after free: a free slot was written to", SIGABRT};
    case End::kWrongSize:
      return {"wrong size", "wrong size: an object was freed with a size it does not have",
              SIGABRT};
    case End::kFreedUse:
      return {"freed use", "use of a pointer that is not an allocated object", SIGABRT};
  }
  return {};
}

// Without the line that tells of the fallback.
Outcome WithoutNotice(Outcome outcome, const Policy& policy) {
  if (policy.notice != nullptr && outcome.err.rfind(policy.notice, 0) == 0) {
    outcome.err.erase(0, outcome.err.find('\n') + 1);
  }
  return outcome;
}

// The fault's line is the sentence, the caller's address where there is a caller, and the same for
// programs.
bool IsFault(const std::string& line, const std::string& sentence) {
  const std::string fault = "secure_alloc: " + sentence;
  const bool is_said = line.rfind(fault + " [event=fault kind=\"", 0) == 0 ||
                       line.rfind(fault + " (called from 0x", 0) == 0;
  const size_t event = line.find(" [event=fault kind=\"");
  return is_said && event != std::string::npos &&
         line.find("\" pid=", event) != std::string::npos && line.ends_with("]\n");
}

bool IsAsExpected(const Outcome& outcome, End end) {
  if (end == End::kDoubleFreeRace &&
      (IsAsExpected(outcome, End::kOverflow) || IsAsExpected(outcome, End::kInvalidFree))) {
    return true;
  }
  const EndText text = TextOf(end);
  if (text.sentence != nullptr) {
    return outcome.Died(text.signal, text.sentence) && IsFault(outcome.err, text.sentence);
  }
  return outcome.signal == text.signal && outcome.err.empty() &&
         (text.signal != 0 || outcome.exit == 0);
}

int RunOne(char** arguments) {
  const Case* const one = FindCase(strtoul(arguments[0], nullptr, 10));
  for (int home = 0; home < 3 && one != nullptr; ++home) {
    if (strcmp(arguments[2], kHomeNames[home]) != 0) continue;
    return RunCase(*one, {strtoul(arguments[1], nullptr, 10), static_cast<Home>(home)});
  }
  return 2;
}

Outcome RunApart(const Policy& policy, const char* refuse, size_t number, const Setting& setting) {
  std::vector<std::string> command;
  if (policy.refuses) command = {refuse, kMemfdSecret, "ENOSYS", "--"};
  command.insert(command.end(), {program_invocation_name, refuse, std::to_string(number),
                                 std::to_string(setting.size), NameOf(setting.home)});
  return WithoutNotice(Run(command, {std::string("SECALLOC_OPTIONS=") + policy.options}), policy);
}

// One row of the table; what was not as expected is told in full below it.
bool RunRow(const Policy& policy, const char* refuse, size_t number) {
  const Case& one = *FindCase(number);
  printf("%2zu %-46s", number, one.name);
  std::string trouble;
  for (const Home home : policy.homes) {
    for (const size_t size : kTiers) {
      const Setting setting = {size, home};
      const End end = size < kLargeFrom ? one.small : one.large;
      const Outcome outcome = RunApart(policy, refuse, number, setting);
      const bool good = IsAsExpected(outcome, end);
      printf(" %-17s", good ? TextOf(end).word : "** NOT AS IT MUST");
      if (good) continue;
      trouble += std::string("   ") + NameOf(home) + " " + std::to_string(size) + ": expected " +
                 TextOf(end).word + ", got " + outcome.Describe() + "\n";
    }
  }
  printf("\n%s", trouble.c_str());
  return trouble.empty();
}

int RunAll(const char* refuse) {
  for (const Policy& policy : kPolicies) {
    printf("\n%-49s", policy.name);
    for (const Home home : policy.homes) {
      for (const size_t size : kTiers) printf(" %-7s%10zu", NameOf(home), size);
    }
    printf("\n");
    bool all = true;
    for (size_t number = 0; FindCase(number) != nullptr; ++number) {
      all &= RunRow(policy, refuse, number);
    }
    Fact(std::string("each case ends as it must with ") + policy.name, all);
  }
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  if (count == 5) return RunOne(arguments + 2);
  if (count == 2) return RunAll(arguments[1]);
  fprintf(stderr, "death_test: give the program REFUSE; the opening comment says how\n");
  return 2;
}
