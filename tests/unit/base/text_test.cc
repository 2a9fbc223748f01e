#include "allocator/base/text.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "allocator/os/os.h"

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

// What `write` sends to descriptor 2 while a pipe is in its place. `remembered`: the pipe
// is what descriptor 2 was at the start.
template <typename Write>
std::string Captured(bool remembered, Write write) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const int saved = dup(2);
  if (!remembered) os::RememberStderr();
  dup2(ends[1], 2);
  if (remembered) os::RememberStderr();
  write();
  dup2(saved, 2);
  char buffer[2048];
  const ssize_t size = read(ends[0], buffer, sizeof buffer);
  for (const int file : {ends[0], ends[1], saved}) close(file);
  return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
}

TEST(Line, IsWrittenWithItsEnd) {
  EXPECT_EQ(Captured(true,
                     [] {
                       Line line;
                       line << "budget " << uint64_t{7};
                       line.WriteStderr();
                     }),
            "budget 7\n");
}

TEST(Line, EndsEvenWhenItIsTooLong) {
  const std::string text = Captured(true, [] {
    Line line;
    for (int i = 0; i < 1000; ++i) line << "x";
    line.WriteStderr();
  });
  ASSERT_GT(text.size(), 500u);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Line, GoesNowhereIfDescriptorTwoIsAnotherFileNow) {
  EXPECT_EQ(Captured(false,
                     [] {
                       Line line;
                       line << "lost";
                       line.WriteStderr();
                     }),
            "");
}

}  // namespace
}  // namespace secure_alloc
