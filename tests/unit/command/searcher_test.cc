#include "preload/command/scan/searcher.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using testing::Bytes;
using testing::RandomBytes;

constexpr uint64_t kAddress = 0x7f0000000000;

std::string NameOf(uint64_t) { return "there"; }

// How many places a single needle has in a haystack.
size_t Places(const Needles& needles, const Bytes& haystack, size_t token = 0) {
  Searcher searcher(needles, NameOf);
  searcher.Search(kAddress, haystack);
  return searcher.findings()[token].places;
}

Bytes Plant(Bytes haystack, size_t at, const Bytes& bytes, size_t begin, size_t size) {
  std::copy_n(bytes.begin() + static_cast<long>(begin), size,
              haystack.begin() + static_cast<long>(at));
  return haystack;
}

TEST(Searcher, FindsAnyWindowAtAnyAlignmentAndNothingShorter) {
  const Bytes secret = RandomBytes(130);
  Bytes reversed(secret.rbegin(), secret.rend());
  Needles needles;
  needles.Add(needles.AddToken({"k", "p", "big-endian"}), secret);
  needles.AddReversed(needles.AddToken({"k", "p", "little-endian"}), secret);
  needles.Seal();
  const Bytes noise = RandomBytes(256);
  for (size_t begin = 0; begin + Needles::kWindow <= secret.size(); ++begin) {
    for (size_t at = 64; at < 64 + Needles::kStride; ++at) {
      const size_t window = Needles::kWindow;
      EXPECT_EQ(Places(needles, Plant(noise, at, secret, begin, window), 0), 1u);
      EXPECT_EQ(Places(needles, Plant(noise, at, reversed, begin, window), 1), 1u);
    }
  }
  // One byte less, with other bytes around it, is not enough.
  for (size_t begin = 0; begin + Needles::kWindow < secret.size(); ++begin) {
    Bytes haystack = Plant(noise, 70, secret, begin, Needles::kWindow - 1);
    haystack[69] = static_cast<uint8_t>(~(begin == 0 ? 0 : secret[begin - 1]));
    haystack[93] = static_cast<uint8_t>(~secret[begin + Needles::kWindow - 1]);
    EXPECT_EQ(Places(needles, haystack, 0), 0u);
  }
}

TEST(Searcher, FindsWindowsAtTheEndsOfAPiece) {
  const Bytes secret = RandomBytes(64);
  Needles needles;
  needles.Add(needles.AddToken({"k", "p", "bytes"}), secret);
  needles.Seal();
  for (size_t size = Needles::kWindow; size < 80; ++size) {
    const Bytes noise = RandomBytes(size);
    EXPECT_EQ(Places(needles, Plant(noise, 0, secret, 5, Needles::kWindow)), 1u);
    EXPECT_EQ(Places(needles, Plant(noise, size - Needles::kWindow, secret, 5, Needles::kWindow)),
              1u);
  }
}

TEST(Searcher, CountsPlacesNotWindows) {
  const Bytes secret = RandomBytes(200);
  Needles needles;
  needles.Add(needles.AddToken({"k", "p", "bytes"}), secret);
  needles.Seal();
  Bytes haystack = RandomBytes(2048);
  haystack = Plant(haystack, 3, secret, 0, 200);
  haystack = Plant(haystack, 203, secret, 0, 200);  // Right behind it: another copy.
  haystack = Plant(haystack, 1000, secret, 50, 30);
  EXPECT_EQ(Places(needles, haystack), 3u);
}

TEST(Searcher, RepetitiveNeedlesAreOnePlace) {
  Bytes secret;
  for (int i = 0; i < 100; ++i) secret.push_back(i % 2 == 0 ? 'a' : 'b');
  Needles needles;
  needles.Add(needles.AddToken({"k", "raw", "bytes"}), secret);
  needles.Seal();
  EXPECT_EQ(Places(needles, Plant(Bytes(512, 0), 100, secret, 0, 100)), 1u);
}

TEST(Searcher, PublicBytesAloneAreNoFind) {
  const Bytes text = RandomBytes(200);
  Needles needles;
  needles.Add(needles.AddToken({"k", "PEM", "text"}), text, {100, 150});
  needles.Seal();
  const Bytes noise = RandomBytes(400);
  EXPECT_EQ(Places(needles, Plant(noise, 50, text, 0, 100)), 0u);
  EXPECT_EQ(Places(needles, Plant(noise, 50, text, 150, 50)), 0u);
  EXPECT_EQ(Places(needles, Plant(noise, 50, text, 80, 20 + Needles::kSecretBytes)), 1u);
  EXPECT_EQ(Places(needles, Plant(noise, 50, text, 150 - Needles::kSecretBytes, 24)), 1u);
  EXPECT_EQ(Places(needles, Plant(noise, 50, text, 90, 10 + Needles::kSecretBytes - 1)), 0u);
}

TEST(Searcher, AgreesWithComparingEveryPosition) {
  const Bytes secret = RandomBytes(96);
  Needles needles;
  needles.Add(needles.AddToken({"k", "p", "bytes"}), secret);
  needles.Seal();
  for (int round = 0; round < 2000; ++round) {
    Bytes haystack = RandomBytes(160);
    const size_t size = 16 + testing::Random()() % 17;  // Around the window's size.
    const size_t begin = testing::Random()() % (secret.size() - size);
    haystack = Plant(haystack, testing::Random()() % (haystack.size() - size), secret, begin, size);
    bool expected = false;
    for (size_t i = 0; i + Needles::kWindow <= haystack.size() && !expected; ++i) {
      const auto window = haystack.begin() + static_cast<long>(i);
      expected = std::search(secret.begin(), secret.end(), window, window + Needles::kWindow) !=
                 secret.end();
    }
    ASSERT_EQ(Places(needles, haystack) > 0, expected) << "round " << round;
  }
}

TEST(Searcher, TellsTheMappingAndTheToken) {
  const Bytes one = RandomBytes(32), other = RandomBytes(32);
  Needles needles;
  needles.Add(needles.AddToken({"k", "one", "bytes"}), one);
  needles.Add(needles.AddToken({"k", "other", "bytes"}), other);
  needles.Seal();
  Searcher searcher(needles, [](uint64_t address) {
    return address == kAddress + 40 ? std::string("[heap]") : "wrong";
  });
  searcher.Search(kAddress, Plant(RandomBytes(100), 40, other, 0, 32));
  EXPECT_EQ(searcher.findings()[0].places, 0u);
  EXPECT_EQ(searcher.findings()[1].mappings, (std::map<std::string, size_t>{{"[heap]", 1}}));
}

}  // namespace
}  // namespace secure_alloc
