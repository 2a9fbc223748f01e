// Runs each case for each size tier and domain in a process of its own, compares how it
// ends with how it must, and prints the table of properties.
//
//   death_test                     the table; exit status 0 if all is as it must be
//   death_test CASE SIZE DOMAIN    one case, by its number in the table (for a debugger)
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "tests/death/cases.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kSizes[] = {8, 4096, 256 << 10};
constexpr size_t kLargeFrom = 32 << 10;

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

End Expected(const Case& one, const Setting& setting) {
  if (setting.size < kLargeFrom) return one.small;
  return setting.secret ? one.large_secret : one.large;
}

bool IsAsExpected(const Outcome& outcome, End end) {
  const EndText text = TextOf(end);
  if (text.sentence != nullptr) return outcome.Died(text.signal, text.sentence);
  return outcome.signal == text.signal && outcome.err.empty() &&
         (text.signal != 0 || outcome.exit == 0);
}

int RunOne(char** arguments) {
  const size_t number = strtoul(arguments[1], nullptr, 10);
  if (number >= kCaseCount) return 2;
  alarm(20);
  const Setting setting = {strtoul(arguments[2], nullptr, 10), strcmp(arguments[3], "secret") == 0};
  return kCases[number].run(setting) ? 0 : 1;
}

// One row of the table; what was not as expected is told in full below it.
void RunCase(size_t number) {
  const Case& one = kCases[number];
  printf("%2zu %-38s", number, one.name);
  std::string trouble;
  for (const char* domain : {"public", "secret"}) {
    for (const size_t size : kSizes) {
      const End end = Expected(one, {size, strcmp(domain, "secret") == 0});
      const Outcome outcome =
          Run({"/proc/self/exe", std::to_string(number), std::to_string(size), domain});
      const bool good = IsAsExpected(outcome, end);
      printf(" %-17s", good ? TextOf(end).word : "** NOT AS IT MUST");
      if (good) continue;
      trouble += std::string("   ") + domain + " " + std::to_string(size) + ": expected " +
                 TextOf(end).word + ", got " + outcome.Describe() + "\n";
    }
  }
  printf("\n%s", trouble.c_str());
  Fact(one.name, trouble.empty());
}

int RunAll() {
  printf("%-41s", "");
  for (const char* domain : {"public", "secret"}) {
    for (const size_t size : kSizes) printf(" %s %-10zu", domain, size);
  }
  printf("\n");
  for (size_t number = 0; number < kCaseCount; ++number) RunCase(number);
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  return count == 4 ? secure_alloc::test::RunOne(arguments) : secure_alloc::test::RunAll();
}
