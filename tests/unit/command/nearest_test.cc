#include "preload/command/common/nearest.h"

#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

TEST(EditDistance, CountsChanges) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("scope", "scope"), 0u);
  EXPECT_EQ(EditDistance("scop", "scope"), 1u);
  EXPECT_EQ(EditDistance("scoope", "scope"), 1u);
  EXPECT_EQ(EditDistance("skope", "scope"), 1u);
  EXPECT_EQ(EditDistance("socpe", "scope"), 1u);  // neighbours swapped
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(Nearest, NamesWhatWasMeantOrNothing) {
  constexpr std::string_view kKnown[] = {"scope", "fallback", "fork", "stats"};
  constexpr std::string_view kShort[] = {"0", "1"};
  EXPECT_EQ(Nearest("scpoe", kKnown), "scope");
  EXPECT_EQ(Nearest("falback", kKnown), "fallback");
  EXPECT_EQ(Nearest("frok", kKnown), "fork");
  EXPECT_EQ(Nearest("zzzzzz", kKnown), "");
  EXPECT_EQ(Nearest("f", kShort), "");
  EXPECT_EQ(DidYouMean("stat", kKnown), ", did you mean stats?");
  EXPECT_EQ(DidYouMean("zzzzzz", kKnown), "");
}

}  // namespace
}  // namespace secure_alloc
