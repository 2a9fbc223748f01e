// allocator, memory_resource, vector, string: all on the secret heap.
#include <errno.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

#include "tests/cxx/support.h"

namespace secure_alloc {
namespace {

using namespace test;

TEST(Vector, LiesInSecretMemoryWhileItGrows) {
  vector<int> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back(i);
    ASSERT_TRUE(IsProtected(numbers.data())) << i;
  }
  EXPECT_EQ(numbers[999], 999);
}

TEST(Allocator, KeepsAlignment) {
  struct alignas(512) Aligned {
    char bytes[512];
  };
  const vector<Aligned> values(3);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(values.data()) % 512, 0u);
  EXPECT_TRUE(IsProtected(values.data()));
}

TEST(Allocator, AllAreEqual) {
  EXPECT_TRUE(allocator<int>() == allocator<char>());
  EXPECT_FALSE(allocator<int>() != allocator<char>(allocator<int>()));
}

TEST(MemoryResource, ServesPmrContainers) {
  memory_resource resource;
  std::pmr::vector<std::pmr::vector<char>> nested(&resource);
  nested.emplace_back(100, 'x');
  EXPECT_TRUE(IsProtected(nested.data()));
  EXPECT_TRUE(IsProtected(nested[0].data()));
  EXPECT_EQ(nested[0][99], 'x');
}

TEST(MemoryResource, KeepsAlignment) {
  memory_resource resource;
  void* const object = resource.allocate(100, 1024);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % 1024, 0u);
  EXPECT_TRUE(IsProtected(object));
  resource.deallocate(object, 100, 1024);
  EXPECT_FALSE(IsProtected(object));
}

TEST(String, KeepsShortTextsInSecretMemoryToo) {
  const string text("x");
  EXPECT_TRUE(IsProtected(text.c_str()));
  EXPECT_FALSE(IsProtected(&text));
}

TEST(String, IsTerminatedHoweverItIsMade) {
  string text;
  EXPECT_STREQ(text.c_str(), "");
  text.append("secret").push_back('s');
  EXPECT_STREQ(text.c_str(), "secrets");
  text.pop_back();
  EXPECT_STREQ(text.c_str(), "secret");
  text.resize(3);
  EXPECT_STREQ(text.c_str(), "sec");
  text.resize(5);
  EXPECT_EQ(text.view(), std::string_view("sec\0\0", 5));
  text.clear();
  EXPECT_TRUE(text.empty());
  EXPECT_STREQ(text.c_str(), "");
  text.resize(0);
  EXPECT_STREQ(text.c_str(), "");
}

TEST(String, KeepsWhatItHasWhileItGrows) {
  string text;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    text.push_back(static_cast<char>('a' + i % 26));
    expected.push_back(static_cast<char>('a' + i % 26));
  }
  EXPECT_EQ(text.view(), expected);
  EXPECT_EQ(text.c_str()[5000], '\0');
}

TEST(String, WipesWhatItRemoves) {
  string text("secret");
  const char* const characters = text.c_str();
  text.pop_back();
  text.resize(2);
  EXPECT_EQ(std::string(characters, 6), std::string("se\0\0\0\0", 6));
}

TEST(String, CopiesAreItsOwnAndMovesAreNot) {
  string one("secret");
  const char* const characters = one.c_str();
  string two = one;
  EXPECT_NE(two.c_str(), characters);
  EXPECT_TRUE(IsProtected(two.c_str()));
  two.push_back('!');
  EXPECT_STREQ(one.c_str(), "secret");
  const string three = std::move(one);
  EXPECT_EQ(three.c_str(), characters);
  one = two;  // NOLINT(bugprone-use-after-move): a moved-from string is empty
  EXPECT_STREQ(one.c_str(), "secret!");
}

TEST(String, EqualsByContent) {
  const string text("secret");
  EXPECT_TRUE(text == string("secret"));
  EXPECT_TRUE(text == "secret");
  EXPECT_TRUE(text != "secreT");
  EXPECT_TRUE(text != string("secrets"));
}

TEST(String, TryReserveLeavesTheStringWhenMemoryIsRefused) {
  string text("secret");
  errno = 0;
  EXPECT_FALSE(text.try_reserve(kTooMuch));
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_FALSE(text.try_reserve(SIZE_MAX));
  EXPECT_STREQ(text.c_str(), "secret");
}

TEST(String, ReservedMeansNoMoreMemory) {
  string text;
  ASSERT_TRUE(text.try_reserve(100));
  const char* const characters = text.c_str();
  text.append(std::string(100, 'x'));
  EXPECT_EQ(text.c_str(), characters);
}

#ifdef __cpp_exceptions
TEST(Containers, ThrowBadAllocWhenMemoryIsRefused) {
  EXPECT_THROW(vector<char>().reserve(kTooMuch), std::bad_alloc);
  EXPECT_THROW(string().resize(kTooMuch), std::bad_alloc);
  EXPECT_THROW((void)allocator<int>().allocate(SIZE_MAX / 2), std::bad_alloc);
}
#else
TEST(ContainersDeathTest, EndTheProgramWhenMemoryIsRefused) {
  const char* const kSentence = "secure_alloc: secret memory is spent or refused";
  EXPECT_DEATH(vector<char>().reserve(kTooMuch), kSentence);
  EXPECT_DEATH(string().resize(kTooMuch), kSentence);
}
#endif

}  // namespace
}  // namespace secure_alloc
