#include "preload/command/run/library.h"

#include <gtest/gtest.h>
#include <limits.h>
#include <stdlib.h>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

TEST(PreloadList, PutsOursFirstAndKeepsTheRest) {
  EXPECT_EQ(PreloadList({"/a"}, ""), "/a");
  EXPECT_EQ(PreloadList({"/a", "/j"}, "/b:/c"), "/a:/j:/b:/c");
  EXPECT_EQ(PreloadList({"/a"}, "/b /c"), "/a:/b:/c");
  EXPECT_EQ(PreloadList({"/a"}, "/b:/a::/b"), "/a:/b");
}

TEST(FindLibrary, TheNamedOneOrAnErrorThatNamesIt) {
  std::string error;
  const std::string path = testing::WriteFile("lib.so", "x");
  char real[PATH_MAX];
  ASSERT_NE(realpath(path.c_str(), real), nullptr);
  EXPECT_EQ(FindLibrary(path, &error), real);
  EXPECT_EQ(FindLibrary("/no/such.so", &error), "");
  EXPECT_EQ(error, "/no/such.so: there is no such library");
  setenv("SECALLOC_LIBRARY", path.c_str(), 1);
  EXPECT_EQ(FindLibrary("", &error), real);
  unsetenv("SECALLOC_LIBRARY");
  EXPECT_EQ(FindLibrary(testing::WriteFile("a b.so", "x"), &error), "");
  EXPECT_NE(error.find("blank"), std::string::npos);
}

}  // namespace
}  // namespace secure_alloc
