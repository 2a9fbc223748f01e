#include "preload/command/common/arguments.h"

#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

TEST(Arguments, TakesValuesInBothForms) {
  Arguments arguments({"--key=a=b", "--key", "c", "--json", "word", "--keys=x"});
  std::string value;
  ASSERT_TRUE(arguments.Next());
  EXPECT_TRUE(arguments.Value("--key", &value));
  EXPECT_EQ(value, "a=b");
  ASSERT_TRUE(arguments.Next());
  EXPECT_TRUE(arguments.Value("--key", &value));
  EXPECT_EQ(value, "c");
  ASSERT_TRUE(arguments.Next());
  EXPECT_TRUE(arguments.Flag("--json"));
  ASSERT_TRUE(arguments.Next());
  EXPECT_FALSE(arguments.IsOption());
  ASSERT_TRUE(arguments.Next());
  EXPECT_FALSE(arguments.Value("--key", &value));  // Another option that begins alike.
  EXPECT_FALSE(arguments.Next());
  EXPECT_FALSE(arguments.failed());
}

TEST(Arguments, AMissingValueIsAFailure) {
  Arguments arguments({"--key"});
  std::string value;
  ASSERT_TRUE(arguments.Next());
  EXPECT_TRUE(arguments.Value("--key", &value));
  EXPECT_TRUE(arguments.failed());
  EXPECT_FALSE(arguments.Next());
}

TEST(Arguments, DoubleDashEndsTheOptions) {
  Arguments arguments({"-x", "--", "-y", "z"});
  ASSERT_TRUE(arguments.Next());
  EXPECT_FALSE(arguments.Next());
  EXPECT_EQ(arguments.Rest(), (Words{"-y", "z"}));
}

TEST(Arguments, PutBackLeavesTheWordToOthers) {
  Arguments arguments({"program", "--flag"});
  ASSERT_TRUE(arguments.Next());
  arguments.PutBack();
  EXPECT_EQ(arguments.Rest(), (Words{"program", "--flag"}));
}

}  // namespace
}  // namespace secure_alloc
