#include "preload/command/scan/key_file.h"

#include <gtest/gtest.h>

#include "preload/command/scan/searcher.h"
#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using testing::ReadFile;
using testing::Shell;
using testing::TempPath;

// "part, form" of each find.
using Found = std::vector<std::string>;

Found Search(const std::string& key_path, const std::string& haystack) {
  Needles needles;
  std::string error;
  EXPECT_TRUE(AddKeyFile(key_path, &needles, &error)) << error;
  needles.Seal();
  Searcher searcher(needles, [](uint64_t) { return "there"; });
  searcher.Search(0x1000, testing::View(haystack));
  Found found;
  for (size_t i = 0; i < needles.tokens().size(); ++i) {
    if (searcher.findings()[i].places == 0) continue;
    found.push_back(needles.tokens()[i].part + ", " + needles.tokens()[i].form);
  }
  return found;
}

std::string ErrorOf(const std::string& path) {
  Needles needles;
  std::string error;
  EXPECT_FALSE(AddKeyFile(path, &needles, &error));
  return error;
}

std::string Key(const std::string& name, const std::string& options) {
  Shell("openssl genpkey -quiet " + options + " -out " + TempPath(name) + " 2>&1");
  return TempPath(name);
}
std::string RsaKey(const std::string& name) {
  return Key(name, "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
}
std::string EcKey(const std::string& name) {
  return Key(name, "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1");
}
std::string ToDer(const std::string& path) {
  Shell("openssl pkey -in " + path + " -outform DER -out " + path + ".der");
  return path + ".der";
}

const Found kRsaDer = {"RSA d, big-endian",  "RSA p, big-endian",  "RSA q, big-endian",
                       "RSA dP, big-endian", "RSA dQ, big-endian", "RSA qInv, big-endian"};

TEST(KeyFile, DerHoldsThePartsAndPemTheText) {
  const std::string pem = RsaKey("rsa");
  const std::string der = ToDer(pem);
  for (const std::string& path : {pem, der}) EXPECT_EQ(Search(path, ReadFile(der)), kRsaDer);
  EXPECT_EQ(Search(pem, ReadFile(pem)), (Found{"PEM, text"}));
  std::string reversed = ReadFile(der);
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(Search(pem, reversed).size(), 6u);
  EXPECT_EQ(Search(pem, reversed)[0], "RSA d, little-endian");
}

TEST(KeyFile, EcKeysAreFoundByTheirScalar) {
  const std::string pem = EcKey("ec");
  EXPECT_EQ(Search(pem, ReadFile(ToDer(pem))), (Found{"EC scalar, big-endian"}));
  EXPECT_EQ(Search(pem, ReadFile(pem)), (Found{"PEM, text"}));
  EXPECT_EQ(Search(pem, ReadFile(EcKey("other"))), Found{});
}

TEST(KeyFile, PemTextIsFoundWithAnyLineEnds) {
  const std::string pem = RsaKey("rsa");
  const std::string text = ReadFile(pem);
  std::string joined, dos;
  for (const char c : text.substr(text.find('\n') + 1)) {
    if (c != '\n') joined += c;
    if (c == '\n') dos += '\r';
    dos += c;
  }
  // Where two lines of 64 characters meet, behind the public part.
  const size_t meet = 64 * 15;
  EXPECT_EQ(Search(pem, joined.substr(meet - 12, 24)), (Found{"PEM, text"}));
  EXPECT_EQ(Search(pem, dos.substr(66 * 15 - 14, 25)), (Found{"PEM, text"}));
  const size_t body = text.find('\n') + 1;
  EXPECT_EQ(Search(pem, text.substr(body + 65 * 15 - 12, 24)), (Found{"PEM, text"}));
  EXPECT_EQ(Search(pem, text.substr(body + 65 * 15 - 12, 23)), Found{});
}

TEST(KeyFile, WhatACertificateHoldsIsNoFind) {
  const std::string pem = RsaKey("rsa");
  // Some of these have the modulus at the key's own base64 phase.
  for (const char* subject : {"/CN=a", "/CN=ab", "/CN=abc"}) {
    const std::string path = TempPath("cert");
    Shell("openssl req -x509 -days 2 -key " + pem + " -subj " + subject + " -out " + path);
    EXPECT_EQ(Search(pem, ReadFile(path)), Found{}) << subject;
  }
  Shell("openssl pkey -in " + pem + " -pubout -out " + pem + ".pub");
  EXPECT_EQ(Search(pem, ReadFile(pem + ".pub")), Found{});
  EXPECT_EQ(Search(pem, ReadFile(RsaKey("other"))), Found{});
}

TEST(KeyFile, TakesEveryKeyOfAFileAndSkipsOtherSections) {
  const std::string rsa = RsaKey("rsa"), ec = EcKey("ec");
  Shell("openssl req -x509 -days 2 -key " + ec + " -subj /CN=x -out " + ec + ".crt");
  const std::string both =
      testing::WriteFile("both", ReadFile(ec + ".crt") + ReadFile(rsa) + "text\n" + ReadFile(ec));
  EXPECT_EQ(Search(both, ReadFile(ToDer(rsa))), kRsaDer);
  EXPECT_EQ(Search(both, ReadFile(ToDer(ec))), (Found{"EC scalar, big-endian"}));
}

TEST(KeyFile, RefusesWhatItCannotUse) {
  const std::string rsa = RsaKey("rsa"), path = TempPath("file");
  Shell("openssl pkcs8 -topk8 -passout pass:x -in " + rsa + " -out " + path);
  EXPECT_NE(ErrorOf(path).find("encrypted"), std::string::npos);
  Shell("openssl rsa -traditional -aes128 -passout pass:x -in " + rsa + " -out " + path + " 2>&1");
  EXPECT_NE(ErrorOf(path).find("encrypted"), std::string::npos);
  Shell("openssl req -x509 -days 2 -key " + rsa + " -subj /CN=x -out " + path);
  EXPECT_EQ(ErrorOf(path), "PEM, but no private key in it");
  std::string text = ReadFile(rsa);
  EXPECT_EQ(ErrorOf(testing::WriteFile("cut", text.substr(0, 1000))), "PEM without its END line");
  text[200] = '*';
  EXPECT_EQ(ErrorOf(testing::WriteFile("bad", text)), "PEM with malformed base64");
  EXPECT_NE(ErrorOf(TempPath("nowhere")).find("ENOENT"), std::string::npos);
  EXPECT_NE(ErrorOf(testing::WriteFile("huge", std::string(2 << 20, 'x'))).find("larger"),
            std::string::npos);
}

TEST(RawFile, RefusesWhatIsEverywhere) {
  Needles needles;
  std::string error;
  EXPECT_FALSE(AddRawFile(testing::WriteFile("short", std::string(23, 'x')), &needles, &error));
  EXPECT_NE(error.find("23 bytes"), std::string::npos);
  const std::string constant = "0123456789" + std::string(24, '\0') + "0123456789";
  EXPECT_FALSE(AddRawFile(testing::WriteFile("constant", constant), &needles, &error));
  const std::string good = "0123456789" + std::string(23, '\0') + "0123456789";
  EXPECT_TRUE(AddRawFile(testing::WriteFile("good", good), &needles, &error)) << error;
}

}  // namespace
}  // namespace secure_alloc
