// SECALLOC_OPTIONS: whatever it holds, the result is one of the values there are, and what was
// copied from the text is terminated.
#include <string.h>

#include <string>

#include "allocator/domain/options.h"
#include "tests/fuzz/fuzz.h"

using namespace secure_alloc;
using namespace secure_alloc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Options options;
  ParseOptions(text.c_str(), &options);
  Must(options.scope <= Scope::kApi && options.fallback <= Fallback::kPlain);
  Must(options.fork <= ForkPolicy::kShare && options.ordinary <= Ordinary::kSystem);
  Must(options.stats <= StatsOutput::kJson);
  Must(memchr(options.modules, 0, sizeof options.modules) != nullptr);
  Must(memchr(options.stats_path, 0, sizeof options.stats_path) != nullptr);
  // What was understood stays so when it is said twice.
  Options again = options;
  ParseOptions(text.c_str(), &again);
  Must(memcmp(again.modules, options.modules, sizeof again.modules) == 0);
  Must(again.budget == options.budget && again.lockdown == options.lockdown);
  return 0;
}
