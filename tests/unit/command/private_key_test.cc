#include "preload/command/scan/private_key.h"

#include <gtest/gtest.h>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using testing::Shell;
using testing::TempPath;

// One key in the given encodings: NAME.pem, and DER as NAME.pkcs8, NAME.traditional.
class PrivateKeyTest : public ::testing::Test {
 protected:
  static void Make(const std::string& name, const std::string& options) {
    const std::string path = TempPath(name);
    Shell("openssl genpkey -quiet " + options + " -out " + path + ".pem 2>&1");
    Shell("openssl pkcs8 -topk8 -nocrypt -in " + path + ".pem -outform DER -out " + path +
          ".pkcs8");
    Shell("openssl pkey -traditional -in " + path + ".pem -outform DER -out " + path +
          ".traditional");
  }
  static std::string Parse(const std::string& der, PrivateKey* key) {
    std::string error;
    return ParsePrivateKey(testing::View(der), key, &error) ? "" : error;
  }
  static std::string Text(const KeyPart& part) { return {part.number.begin(), part.number.end()}; }
  // The number that openssl prints under `heading`, as bytes without leading zeros.
  static std::string Printed(const std::string& name, const std::string& heading) {
    const std::string path = TempPath(name);
    Shell("openssl pkey -in " + path + ".pem -noout -text -out " + path + ".txt");
    const std::string text = testing::ReadFile(path + ".txt");
    const size_t at = text.find("\n" + heading + ":");
    std::string bytes;
    for (size_t i = text.find('\n', at + 1) + 1; text[i] == ' '; i = text.find('\n', i) + 1) {
      const std::string line = text.substr(i, text.find('\n', i) - i);
      for (size_t j = 4; j + 1 < line.size(); j += 3) {
        bytes += static_cast<char>(std::stoi(line.substr(j, 2), nullptr, 16));
      }
    }
    if (heading != "priv" && bytes[0] == '\0') bytes.erase(0, 1);
    return bytes;
  }
};

TEST_F(PrivateKeyTest, RsaPartsAreWhatOpensslPrints) {
  Make("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  for (const char* form : {".pkcs8", ".traditional"}) {
    const std::string der = testing::ReadFile(TempPath("rsa") + form);
    PrivateKey key;
    ASSERT_EQ(Parse(der, &key), "") << form;
    const std::pair<const char*, const char*> expected[] = {
        {"RSA d", "privateExponent"}, {"RSA p", "prime1"},     {"RSA q", "prime2"},
        {"RSA dP", "exponent1"},      {"RSA dQ", "exponent2"}, {"RSA qInv", "coefficient"}};
    ASSERT_EQ(key.parts.size(), std::size(expected));
    for (size_t i = 0; i < key.parts.size(); ++i) {
      EXPECT_STREQ(key.parts[i].name, expected[i].first);
      EXPECT_TRUE(Text(key.parts[i]) == Printed("rsa", expected[i].second)) << expected[i].second;
    }
    // The modulus is public and comes before the secrets.
    const size_t modulus = der.find(Printed("rsa", "modulus"));
    ASSERT_NE(modulus, std::string::npos);
    EXPECT_GT(key.secret_begin, modulus + 255);
    EXPECT_EQ(key.secret_end, der.size());
  }
}

TEST_F(PrivateKeyTest, EcScalarIsWhatOpensslPrints) {
  for (const char* curve : {"prime256v1", "secp384r1", "secp521r1", "secp224r1"}) {
    Make("ec", std::string("-algorithm EC -pkeyopt ec_paramgen_curve:") + curve);
    for (const char* form : {".pkcs8", ".traditional"}) {
      PrivateKey key;
      const std::string der = testing::ReadFile(TempPath("ec") + form);
      ASSERT_EQ(Parse(der, &key), "") << curve << form;
      ASSERT_EQ(key.parts.size(), 1u);
      EXPECT_STREQ(key.parts[0].name, "EC scalar");
      EXPECT_TRUE(Text(key.parts[0]) == Printed("ec", "priv")) << curve << form;
      EXPECT_EQ(key.secret_end - key.secret_begin, key.parts[0].number.size());
    }
  }
}

TEST_F(PrivateKeyTest, RefusesEveryTruncation) {
  Make("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
  Make("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1");
  for (const char* file : {"rsa.pkcs8", "rsa.traditional", "ec.pkcs8", "ec.traditional"}) {
    const std::string der = testing::ReadFile(TempPath(file));
    ASSERT_GT(der.size(), 100u);
    PrivateKey key;
    for (size_t size = 0; size < der.size(); ++size) {
      EXPECT_NE(Parse(der.substr(0, size), &key), "") << file << " cut to " << size;
    }
    EXPECT_NE(Parse(der + '\0', &key), "") << file << " with a byte more";
  }
}

TEST_F(PrivateKeyTest, AnyChangedByteIsParsedOrRefusedWithinBounds) {
  Make("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
  const std::string der = testing::ReadFile(TempPath("rsa.pkcs8"));
  size_t refused = 0;
  for (size_t at = 0; at < der.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = der;
      changed[at] = static_cast<char>(changed[at] ^ change);
      PrivateKey key;
      if (!Parse(changed, &key).empty()) {
        ++refused;
        continue;
      }
      for (const KeyPart& part : key.parts) {
        const char* begin = reinterpret_cast<const char*>(part.number.data());
        ASSERT_GE(begin, changed.data());
        ASSERT_LE(begin + part.number.size(), changed.data() + changed.size());
      }
    }
  }
  EXPECT_GT(refused, 50u);  // At least the headers' bytes.
}

TEST_F(PrivateKeyTest, NamesWhatItCannotTake) {
  PrivateKey key;
  Make("ed", "-algorithm ED25519");
  EXPECT_NE(Parse(testing::ReadFile(TempPath("ed.pkcs8")), &key).find("--raw"), std::string::npos);
  Make("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024 -pkeyopt rsa_keygen_primes:3");
  EXPECT_NE(Parse(testing::ReadFile(TempPath("rsa.traditional")), &key).find("two primes"),
            std::string::npos);
  EXPECT_EQ(Parse("hello", &key), "neither PEM nor one DER sequence");
  EXPECT_EQ(Parse(std::string("\x30\x03\x04\x01\x00", 5), &key), "DER, but no private key");
}

}  // namespace
}  // namespace secure_alloc
