#include "preload/trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/captured.h"
#include "tests/unit/child.h"

namespace secure_alloc::trace {
namespace {

using test::Captured;

std::string RowOf(const std::string& text, const std::string& module) {
  const size_t end = text.find(" module=" + module + "\n");
  if (end == std::string::npos) return "";
  const size_t begin = text.find("domain=", text.rfind('\n', end) + 1);
  return text.substr(begin, end - begin);
}

// The figures are the process's, so each test has names of its own.
TEST(Trace, CountsByTheNameOfTheFileAndByDomain) {
  Note("/usr/lib/liba.so", true, 100);
  Note("/opt/liba.so", true, 23);
  Note("liba.so", false, 0);
  const std::string text = Captured(Write);
  EXPECT_NE(text.find("domain=secret calls=2 bytes=123 module=liba.so\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("domain=ordinary calls=1 bytes=0 module=liba.so\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("secure_alloc: trace pid=" + std::to_string(getpid()) + " "), 0u) << text;
}

TEST(Trace, TellsTheMostBytesFirst) {
  Note("little.so", false, 1);
  Note("much.so", false, 1 << 20);
  const std::string text = Captured(Write);
  EXPECT_LT(text.find("much.so"), text.find("little.so")) << text;
}

TEST(Trace, LosesNothingToSimultaneousThreads) {
  constexpr int kThreads = 8, kCalls = 20000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int call = 0; call < kCalls; ++call) Note("shared.so", true, 3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(RowOf(Captured(Write), "shared.so"), "domain=secret calls=160000 bytes=480000");
}

TEST(Trace, AForkedChildStartsFromNothing) {
  Prepare();
  Note("parent.so", false, 7);
  const std::string text = Captured([] {
    EXPECT_EQ(test::InChild([] {
                Note("child.so", false, 5);
                Write();
                return 0;
              }),
              0);
  });
  EXPECT_EQ(RowOf(text, "parent.so"), "");
  EXPECT_EQ(RowOf(text, "child.so"), "domain=ordinary calls=1 bytes=5");
  EXPECT_EQ(RowOf(Captured(Write), "parent.so"), "domain=ordinary calls=1 bytes=7");
}

// Last: afterwards there is no place for a name.
TEST(TraceWithoutRoom, CountsTheRestTogether) {
  for (int i = 0; i < 600; ++i) Note(("many" + std::to_string(i) + ".so").c_str(), false, 1);
  const std::string text = Captured(Write);
  EXPECT_EQ(RowOf(text, "many0.so"), "domain=ordinary calls=1 bytes=1");
  EXPECT_EQ(RowOf(text, "many599.so"), "");
  EXPECT_NE(RowOf(text, "others"), "");
}

}  // namespace
}  // namespace secure_alloc::trace
