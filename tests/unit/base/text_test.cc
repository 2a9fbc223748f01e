#include "allocator/base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/captured.h"

namespace secure_alloc {
namespace {

std::string TextOf(const TextBuffer& text) { return std::string(text.data(), text.size()); }

TEST(TextBuffer, WritesNumbersAsPeopleDo) {
  char storage[200];
  TextBuffer text(storage, sizeof storage);
  text << "a " << uint64_t{0} << " " << uint64_t{1234567890} << " " << UINT64_MAX << " "
       << Hex{0} << " " << Hex{0xA0B} << " " << Hex{UINTPTR_MAX};
  EXPECT_EQ(TextOf(text), "a 0 1234567890 18446744073709551615 0x0 0xa0b 0xffffffffffffffff");
  EXPECT_FALSE(text.truncated());
}

TEST(TextBuffer, DropsWhatIsBeyondItsCapacityAndSaysSo) {
  char storage[16];
  std::fill(std::begin(storage), std::end(storage), '#');
  TextBuffer text(storage, 8);
  text << "12345678";
  EXPECT_FALSE(text.truncated()) << "exactly full";
  text << "9";
  EXPECT_TRUE(text.truncated());
  text << uint64_t{5};
  EXPECT_EQ(TextOf(text), "12345678");
  EXPECT_EQ(storage[8], '#');
}

TEST(TextBuffer, AppendsPiecesThatAreNotTerminated) {
  char storage[16];
  TextBuffer text(storage, sizeof storage);
  text.Append("name=value", 4).Append("", 0).Append("!", 1);
  EXPECT_EQ(TextOf(text), "name!");
}

using test::Captured;

void WriteLine(const char* text) {
  Line line;
  line << text;
  line.WriteStderr();
}

TEST(Line, IsWrittenWithItsEnd) {
  EXPECT_EQ(Captured([] { WriteLine("budget"); }), "budget\n");
}

TEST(Line, EndsEvenWhenItIsTooLong) {
  const std::string text = Captured([] { WriteLine(std::string(1000, 'x').c_str()); });
  ASSERT_GT(text.size(), 500u);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Line, GoesNowhereIfDescriptorTwoIsAnotherFileNow) {
  EXPECT_EQ(Captured([] { WriteLine("lost"); }, test::Descriptor::kAnotherFile), "");
}

}  // namespace
}  // namespace secure_alloc
