#include "preload/command/scan/der.h"

#include <gtest/gtest.h>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using testing::Bytes;

TEST(Der, ReadsElementsInTurn) {
  const Bytes der = {0x04, 2, 7, 8, 0x02, 1, 5};
  DerReader reader(der);
  ByteView content;
  int value;
  EXPECT_FALSE(reader.ReadSmall(&value));  // The next one is an OCTET STRING.
  ASSERT_TRUE(reader.Read(kDerOctetString, &content));
  EXPECT_EQ(Bytes(content.begin(), content.end()), (Bytes{7, 8}));
  ASSERT_TRUE(reader.ReadSmall(&value));
  EXPECT_EQ(value, 5);
  EXPECT_TRUE(reader.empty());
  EXPECT_FALSE(reader.Skip());
}

TEST(Der, TakesLongLengthsInShortestForm) {
  for (const size_t size : {127u, 128u, 255u, 256u, 65535u, 65536u}) {
    Bytes der = {0x04};
    if (size < 0x80) {
      der.push_back(static_cast<uint8_t>(size));
    } else {
      const int bytes = size < 0x100 ? 1 : size < 0x10000 ? 2 : 3;
      der.push_back(static_cast<uint8_t>(0x80 | bytes));
      for (int i = bytes - 1; i >= 0; --i) der.push_back(static_cast<uint8_t>(size >> 8 * i));
    }
    der.resize(der.size() + size, 0xaa);
    DerReader reader(der);
    ByteView content;
    ASSERT_TRUE(reader.Read(kDerOctetString, &content)) << size;
    EXPECT_EQ(content.size(), size);
    EXPECT_TRUE(reader.empty());
  }
}

TEST(Der, RefusesMalformedLengths) {
  const Bytes malformed[] = {
      {0x04},                                   // no length
      {0x04, 3, 1, 2},                          // beyond the end
      {0x04, 0x80, 0, 0},                       // indefinite
      {0x04, 0x81, 5, 1, 2, 3, 4, 5},           // short enough for one byte
      {0x04, 0x82, 0, 0x80, 1},                 // leading zero
      {0x04, 0x81},                             // length cut off
      {0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1},  // 4 GiB
      {0x04, 0x85, 1, 0, 0, 0, 0, 1},           // more than 32 bits
      {0x1f, 0x81, 1, 1, 0},                    // a tag of several bytes
  };
  for (const Bytes& der : malformed) {
    DerReader reader(der);
    ByteView content;
    EXPECT_FALSE(reader.Read(der[0], &content)) << ::testing::PrintToString(der);
    EXPECT_FALSE(reader.Skip()) << ::testing::PrintToString(der);
  }
}

TEST(Der, ReadsUnsignedWithoutLeadingZeros) {
  const Bytes der = {0x02, 1, 0, 0x02, 2, 0, 0x80, 0x02, 2, 1, 0};
  DerReader reader(der);
  ByteView magnitude;
  ASSERT_TRUE(reader.ReadUnsigned(&magnitude));
  EXPECT_TRUE(magnitude.empty());
  ASSERT_TRUE(reader.ReadUnsigned(&magnitude));
  EXPECT_EQ(Bytes(magnitude.begin(), magnitude.end()), (Bytes{0x80}));
  ASSERT_TRUE(reader.ReadUnsigned(&magnitude));
  EXPECT_EQ(Bytes(magnitude.begin(), magnitude.end()), (Bytes{1, 0}));
}

TEST(Der, RefusesMalformedIntegersAndStaysBeforeThem) {
  const Bytes malformed[] = {
      {0x02, 0},           // no contents
      {0x02, 1, 0x80},     // negative
      {0x02, 2, 0, 0x7f},  // padded
  };
  for (const Bytes& der : malformed) {
    DerReader reader(der);
    ByteView magnitude;
    EXPECT_FALSE(reader.ReadUnsigned(&magnitude)) << ::testing::PrintToString(der);
    EXPECT_EQ(reader.PeekTag(), kDerInteger);
  }
  const Bytes large = {0x02, 2, 0, 0x80};
  DerReader reader(large);
  int value;
  EXPECT_FALSE(reader.ReadSmall(&value));
  EXPECT_EQ(reader.PeekTag(), kDerInteger);
}

}  // namespace
}  // namespace secure_alloc
