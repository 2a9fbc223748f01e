// SECALLOC_OPTIONS: parsed once, then read-only. The table in options.cc is the one
// place that knows names, values and defaults.
//
//   SECALLOC_OPTIONS="scope=modules,fallback=locked,modules=libcrypto*:myapp"
#pragma once

#include <cstddef>

namespace secure_alloc {

enum class Scope { kModules, kAll, kApi };
enum class Fallback { kLocked, kNone, kPlain };
enum class ForkPolicy { kCopy, kDeny, kShare };
enum class Ordinary { kHardened, kJemalloc, kSystem };
enum class StatsOutput { kNone, kStderr, kJson };

struct Options {
  static constexpr size_t kTextSize = 2048;

  Scope scope = Scope::kModules;
  Fallback fallback = Fallback::kLocked;
  ForkPolicy fork = ForkPolicy::kCopy;
  Ordinary ordinary = Ordinary::kHardened;
  size_t budget = 0;  // bytes; 0: by the limits
  bool lockdown = false;
  bool mismatch = false;
  bool trace = false;
  StatsOutput stats = StatsOutput::kNone;
  char stats_path[kTextSize] = {};
  char modules[kTextSize] = {};  // globs, separated by ':'; empty: the default list
};

// What `name=value` pairs say. What is not understood changes nothing and is told in one
// line on standard error.
void ParseOptions(const char* text, Options* options);

// Names, values, defaults and what they mean, for documents and their test.
struct OptionHelp {
  const char* name;
  const char* values;
  const char* help;
};
extern const OptionHelp kOptionHelp[];
extern const size_t kOptionCount;

}  // namespace secure_alloc
