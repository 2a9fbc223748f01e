#include "allocator/domain/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "tests/unit/captured.h"

namespace secure_alloc {
namespace {

// All of them: without a name for each it does not compile.
auto Fields(const Options& o) {
  const auto& [scope, fallback, fork, ordinary, budget, lockdown, mismatch, trace, stats,
               stats_path, modules] = o;
  return std::tuple(scope, fallback, fork, ordinary, budget, lockdown, mismatch, trace, stats,
                    std::string(stats_path), std::string(modules));
}
bool AreDefaults(const Options& options) { return Fields(options) == Fields(Options{}); }

// Parses `text`, which must be understood without a word.
Options Parsed(const std::string& text) {
  Options options;
  EXPECT_EQ(test::Captured([&] { ParseOptions(text.c_str(), &options); }), "") << text;
  return options;
}

// Parses `text` and returns what it says on standard error; nothing must have changed.
std::string Complaint(const std::string& text) {
  Options options;
  const std::string said = test::Captured([&] { ParseOptions(text.c_str(), &options); });
  EXPECT_TRUE(AreDefaults(options)) << text;
  return said;
}

TEST(Options, HaveTheDocumentedDefaults) {
  for (const char* text : {"", ",", ",,,"}) {
    const Options options = Parsed(text);
    EXPECT_EQ(options.scope, Scope::kModules);
    EXPECT_EQ(options.fallback, Fallback::kLocked);
    EXPECT_EQ(options.fork, ForkPolicy::kCopy);
    EXPECT_EQ(options.ordinary, Ordinary::kHardened);
    EXPECT_EQ(options.budget, 0u);
    EXPECT_EQ(options.stats, StatsOutput::kNone);
    EXPECT_STREQ(options.modules, "");
  }
}

TEST(Options, EveryWordMeansItsValue) {
  EXPECT_EQ(Parsed("scope=modules").scope, Scope::kModules);
  EXPECT_EQ(Parsed("scope=all").scope, Scope::kAll);
  EXPECT_EQ(Parsed("scope=api").scope, Scope::kApi);
  EXPECT_EQ(Parsed("fallback=locked").fallback, Fallback::kLocked);
  EXPECT_EQ(Parsed("fallback=none").fallback, Fallback::kNone);
  EXPECT_EQ(Parsed("fallback=plain").fallback, Fallback::kPlain);
  EXPECT_EQ(Parsed("fork=copy").fork, ForkPolicy::kCopy);
  EXPECT_EQ(Parsed("fork=deny").fork, ForkPolicy::kDeny);
  EXPECT_EQ(Parsed("fork=share").fork, ForkPolicy::kShare);
  EXPECT_EQ(Parsed("ordinary=hardened").ordinary, Ordinary::kHardened);
  EXPECT_EQ(Parsed("ordinary=jemalloc").ordinary, Ordinary::kJemalloc);
  EXPECT_EQ(Parsed("ordinary=system").ordinary, Ordinary::kSystem);
  EXPECT_EQ(Parsed("stats=0").stats, StatsOutput::kNone);
  EXPECT_EQ(Parsed("stats=1").stats, StatsOutput::kStderr);
  EXPECT_TRUE(Parsed("lockdown=1").lockdown);
  EXPECT_FALSE(Parsed("lockdown=1,lockdown=0").lockdown);
  EXPECT_TRUE(Parsed("mismatch=1").mismatch);
  EXPECT_FALSE(Parsed("mismatch=1,mismatch=0").mismatch);
  EXPECT_TRUE(Parsed("trace=1").trace);
}

TEST(Options, TextsAreCopiedWhole) {
  EXPECT_STREQ(Parsed("modules=libcrypto*:my=app:x").modules, "libcrypto*:my=app:x");
  const Options options = Parsed("stats=json:/tmp/a:b=c.%p");
  EXPECT_EQ(options.stats, StatsOutput::kJson);
  EXPECT_STREQ(options.stats_path, "/tmp/a:b=c.%p");
}

TEST(Options, BytesMayHaveASuffix) {
  EXPECT_EQ(Parsed("budget=0").budget, 0u);
  EXPECT_EQ(Parsed("budget=123456").budget, 123456u);
  EXPECT_EQ(Parsed("budget=3K").budget, size_t{3} << 10);
  EXPECT_EQ(Parsed("budget=3k").budget, size_t{3} << 10);
  EXPECT_EQ(Parsed("budget=5M").budget, size_t{5} << 20);
  EXPECT_EQ(Parsed("budget=7g").budget, size_t{7} << 30);
  EXPECT_EQ(Parsed("budget=18446744073709551615").budget, SIZE_MAX);
  EXPECT_EQ(Parsed("budget=17179869183G").budget, size_t{17179869183} << 30);
}

TEST(Options, BytesThatAreNoneChangeNothing) {
  for (const char* text :
       {"budget=", "budget=K", "budget=1T", "budget=1KB", "budget=1K ", "budget=-1", "budget=+1",
        "budget= 1", "budget=1.5M", "budget=0x10", "budget=18446744073709551616",
        "budget=99999999999999999999999", "budget=17179869184G", "budget=18014398509481984K"}) {
    EXPECT_NE(Complaint(text), "") << text;
  }
}

TEST(Options, WhatIsNotUnderstoodChangesNothingAndIsToldInOneLine) {
  for (const char* pair :
       {"scope", "scope=", "scope=ALL", "scope=all ", " scope=all", "scope=allx", "scope=al",
        "Scope=all", "scop=all", "scopes=all", "=all", "=", "fallback=1", "fork=", "ordinary=libc",
         "stats=2", "lockdown=2", "lockdown=", "lockdown=10", "mismatch=2", "trace=yes", "stats=",
         "stats=json", "stats=json:", "stats=jsonx:/p", "modules=", "nonsense=1", "scope:all"}) {
    const std::string said = Complaint(pair);
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << pair << ": " << said;
    EXPECT_EQ(said.rfind("secure_alloc: ", 0), 0u) << said;
    EXPECT_NE(said.find(std::string("`") + pair + "`"), std::string::npos) << said;
  }
}

TEST(Options, ABadPairDoesNotHurtItsNeighbours) {
  Options options;
  const std::string said = test::Captured(
      [&] { ParseOptions("scope=all,nonsense,,budget=1x,fork=deny,budget=1K,", &options); });
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
  EXPECT_EQ(options.scope, Scope::kAll);
  EXPECT_EQ(options.fork, ForkPolicy::kDeny);
  EXPECT_EQ(options.budget, 1024u);
}

TEST(Options, TheLastOfTwoPairsHolds) {
  EXPECT_EQ(Parsed("scope=all,scope=api").scope, Scope::kApi);
  EXPECT_STREQ(Parsed("modules=aaa,modules=b").modules, "b");
}

TEST(Options, TextsThatAreTooLongChangeNothing) {
  const std::string fits(Options::kTextSize - 1, 'm'), longer(Options::kTextSize, 'm');
  EXPECT_EQ(Parsed("modules=" + fits).modules, fits);
  EXPECT_EQ(Parsed("stats=json:" + fits).stats_path, fits);
  for (const std::string& pair : {"modules=" + longer, "stats=json:" + longer,
                                  std::string(1 << 16, 'x'), "x=" + std::string(1 << 16, 'y')}) {
    const std::string said = Complaint(pair);
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
    EXPECT_EQ(said.back(), '\n');
  }
}

TEST(Options, HelpNamesEveryValue) {
  for (size_t i = 0; i < kOptionCount; ++i) {
    const OptionHelp& help = kOptionHelp[i];
    EXPECT_NE(Complaint(std::string(help.name) + "=").find(help.values), std::string::npos);
  }
  EXPECT_GE(kOptionCount, 10u);
}

}  // namespace
}  // namespace secure_alloc
