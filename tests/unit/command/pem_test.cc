#include "preload/command/scan/pem.h"

#include <gtest/gtest.h>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

std::string Decode(const std::vector<std::string_view>& lines) {
  uint8_t out[256];
  size_t size;
  if (!DecodeBase64(lines, out, &size)) return "refused";
  return {reinterpret_cast<char*>(out), size};
}

TEST(Base64, DecodesAllEndings) {
  EXPECT_EQ(Decode({"Zg=="}), "f");
  EXPECT_EQ(Decode({"Zm8="}), "fo");
  EXPECT_EQ(Decode({"Zm9v"}), "foo");
  EXPECT_EQ(Decode({"Zm9", "vYm", "Fy"}), "foobar");
  EXPECT_EQ(Decode({"+/+/"}), "\xfb\xff\xbf");
}

TEST(Base64, DecodesWhatOpensslEncodes) {
  const testing::Bytes bytes = testing::RandomBytes(192);
  const std::string contents(bytes.begin(), bytes.end());
  const std::string plain = testing::WriteFile("plain", contents);
  testing::Shell("openssl base64 -A -in " + plain + " -out " + plain + ".b64");
  const std::string text = testing::ReadFile(plain + ".b64");
  EXPECT_EQ(Decode({text}), contents);
}

TEST(Base64, RefusesWhatIsNotStrict) {
  EXPECT_EQ(Decode({""}), "refused");
  EXPECT_EQ(Decode({"Zm9"}), "refused");       // a group cut off
  EXPECT_EQ(Decode({"Zg==Zg=="}), "refused");  // padding inside
  EXPECT_EQ(Decode({"Z==="}), "refused");      // too much padding
  EXPECT_EQ(Decode({"Zh=="}), "refused");      // spare bits set
  EXPECT_EQ(Decode({"Zm9="}), "refused");      // spare bits set
  EXPECT_EQ(Decode({"Zm9*"}), "refused");
  EXPECT_EQ(Decode({"Zm 9v"}), "refused");
}

TEST(Pem, FindsSectionsInTurnAndSkipsTextBetween) {
  std::string_view text =
      "bag attributes\n-----BEGIN A-----\r\nZm9v \r\nYg==\r\n-----END A-----\r\n\n"
      "-----BEGIN B C-----\nZm9v\n-----END B C-----";
  PemSection section;
  ASSERT_EQ(NextPemSection(&text, &section), PemStatus::kFound);
  EXPECT_EQ(section.label, "A");
  EXPECT_EQ(section.lines, (std::vector<std::string_view>{"Zm9v", "Yg=="}));
  ASSERT_EQ(NextPemSection(&text, &section), PemStatus::kFound);
  EXPECT_EQ(section.label, "B C");
  EXPECT_FALSE(section.encrypted);
  EXPECT_EQ(NextPemSection(&text, &section), PemStatus::kEnd);
}

TEST(Pem, SeesEncryptionInHeaders) {
  std::string_view text =
      "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,\n folded\n\nZm9v\n-----END A-----\n";
  PemSection section;
  ASSERT_EQ(NextPemSection(&text, &section), PemStatus::kFound);
  EXPECT_TRUE(section.encrypted);
  EXPECT_EQ(section.lines, (std::vector<std::string_view>{"Zm9v"}));
}

TEST(Pem, RefusesSectionsWithoutTheirEnd) {
  PemSection section;
  for (std::string_view text : {"-----BEGIN A-----\nZm9v\n", "-----BEGIN A-----",
                                "-----BEGIN A-----\nZm9v\n-----END B-----\n"}) {
    EXPECT_EQ(NextPemSection(&text, &section), PemStatus::kMalformed);
  }
}

}  // namespace
}  // namespace secure_alloc
