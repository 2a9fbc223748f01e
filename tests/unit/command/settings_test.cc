#include "preload/command/run/settings.h"

#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

std::string ErrorOf(const std::string& pair) {
  Settings settings("");
  std::string error;
  return settings.SetPair(pair, &error) ? "taken" : error;
}

TEST(Settings, TheCommandLineWinsAndTheRestIsKept) {
  Settings settings("scope=api,other=1,stats=1");
  std::string error;
  ASSERT_TRUE(settings.SetPair("scope=all", &error));
  ASSERT_TRUE(settings.SetPair("fork=deny", &error));
  EXPECT_EQ(settings.Text(), "scope=all,other=1,stats=1,fork=deny");
  EXPECT_EQ(settings.Get("scope"), "all");
  EXPECT_EQ(settings.Get("budget"), "");
}

TEST(Settings, KeepsOddEnvironmentsAsTheyAre) {
  EXPECT_EQ(Settings("").Text(), "");
  EXPECT_EQ(Settings(",,a=b,,c=d,").Text(), "a=b,c=d");
  EXPECT_EQ(Settings("modules=a*:b.so=2").Get("modules"), "a*:b.so=2");
}

TEST(Settings, TakesEveryDocumentedValue) {
  for (const char* pair :
       {"scope=modules", "scope=all", "scope=api", "fallback=locked", "fallback=none",
        "fallback=plain", "fork=copy", "fork=deny", "fork=share", "ordinary=hardened",
        "ordinary=jemalloc", "ordinary=system", "stats=0", "stats=1", "stats=json:/tmp/x",
        "budget=1048576", "budget=3m", "modules=libcrypto*:libssl*"}) {
    EXPECT_EQ(ErrorOf(pair), "taken") << pair;
  }
}

TEST(Settings, RefusesWithTheNearestName) {
  EXPECT_EQ(ErrorOf("scop=all"), "unknown option scop, did you mean scope?");
  EXPECT_EQ(ErrorOf("zzzzzzz=1"), "unknown option zzzzzzz");
  EXPECT_EQ(ErrorOf("scope=al"), "scope=al: no such value, did you mean all? (modules, all, api)");
  EXPECT_NE(ErrorOf("stats=json:"), "taken");
  EXPECT_EQ(ErrorOf("stats=2"), "stats=2: no such value (0, 1, json:PATH)");
  EXPECT_EQ(ErrorOf("budget=3Q"), "budget=3Q: no such value (bytes; K, M or G may follow)");
  EXPECT_NE(ErrorOf("budget="), "taken");
  EXPECT_NE(ErrorOf("scope"), "taken");
  // Would be read as another option.
  EXPECT_NE(ErrorOf("modules=a,scope=api"), "taken");
}

}  // namespace
}  // namespace secure_alloc
