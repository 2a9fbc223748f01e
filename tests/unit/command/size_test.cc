#include "preload/command/common/size.h"

#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

TEST(Size, HasUnits) {
  unsigned long long bytes = 1;
  EXPECT_TRUE(ParseSize("0", &bytes) && bytes == 0);
  EXPECT_TRUE(ParseSize("4096", &bytes) && bytes == 4096);
  EXPECT_TRUE(ParseSize("3K", &bytes) && bytes == 3 << 10);
  EXPECT_TRUE(ParseSize("3m", &bytes) && bytes == 3 << 20);
  EXPECT_TRUE(ParseSize("2G", &bytes) && bytes == 2ull << 30);
  for (const char* wrong : {"", "M", "-1", "1T", "1MM", "99999999999999999999", "17179869184G"}) {
    EXPECT_FALSE(ParseSize(wrong, &bytes)) << wrong;
  }
}

}  // namespace
}  // namespace secure_alloc
