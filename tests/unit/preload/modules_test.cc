#include "preload/modules.h"

#include <gtest/gtest.h>

#include <string>

namespace secure_alloc::rules {
namespace {

TEST(IsListed, MatchesTheWholeLastComponent) {
  EXPECT_TRUE(IsListed("libfoo.so", "libfoo.so"));
  EXPECT_TRUE(IsListed("/usr/lib/libfoo.so", "libfoo.so"));
  EXPECT_FALSE(IsListed("/usr/lib/libfoo.so.1", "libfoo.so"));
  EXPECT_FALSE(IsListed("/usr/lib/mylibfoo.so", "libfoo.so"));
  EXPECT_FALSE(IsListed("/opt/libfoo.so/other", "libfoo.so"));
  EXPECT_FALSE(IsListed("/usr/lib/libfoo.so", "/usr/lib/libfoo.so")) << "globs name files only";
}

TEST(IsListed, StarMatchesAnyCharactersOrNone) {
  for (const char* glob :
       {"*", "lib*", "*.so.3", "lib*.so*", "l*i*b*.*", "**", "libcrypto.so.3*"}) {
    EXPECT_TRUE(IsListed("/lib/libcrypto.so.3", glob)) << glob;
  }
  for (const char* glob :
       {"*x*", "lib*.a", "*.so", "crypto*", "lib*crypto.so.4", "*libcrypto.so.3?"}) {
    EXPECT_FALSE(IsListed("/lib/libcrypto.so.3", glob)) << glob;
  }
}

TEST(IsListed, StarTriesEveryPlace) {
  EXPECT_TRUE(IsListed("aaab", "*aab"));
  EXPECT_TRUE(IsListed("mississippi", "*is*ippi"));
  EXPECT_TRUE(IsListed("mississippi", "m*issip*i"));
  EXPECT_FALSE(IsListed("mississippi", "m*issip*x"));
  EXPECT_TRUE(IsListed(std::string(300, 'a').append("b").c_str(), "*a*a*a*b"));
  EXPECT_FALSE(IsListed(std::string(3000, 'a').c_str(), "*a*a*a*a*a*a*a*a*a*b"));
}

TEST(IsListed, QuestionMarkMatchesExactlyOne) {
  EXPECT_TRUE(IsListed("libz.so.1", "libz.so.?"));
  EXPECT_FALSE(IsListed("libz.so.", "libz.so.?"));
  EXPECT_FALSE(IsListed("libz.so.12", "libz.so.?"));
  EXPECT_TRUE(IsListed("libz.so.12", "libz.so.?*"));
}

TEST(IsListed, OtherCharactersMeanThemselves) {
  EXPECT_TRUE(IsListed("a[b].so", "a[b].so"));
  EXPECT_FALSE(IsListed("ab.so", "a[b].so"));
  EXPECT_TRUE(IsListed("a\\*b", "a\\*b")) << "a backslash escapes nothing";
  EXPECT_FALSE(IsListed("a*b", "a\\*b"));
  EXPECT_FALSE(IsListed("LIBZ.so", "libz.so"));
  EXPECT_FALSE(IsListed("libzXso", "libz.so"));
}

TEST(IsListed, OneOfManyIsEnoughAndEmptyOnesMatchNothing) {
  EXPECT_TRUE(IsListed("b.so", "a.so:b.so:c.so"));
  EXPECT_TRUE(IsListed("c.so", "a.so:b.so:c.so"));
  EXPECT_FALSE(IsListed("d.so", "a.so:b.so:c.so"));
  EXPECT_TRUE(IsListed("b.so", "::b.so::"));
  EXPECT_FALSE(IsListed("b.so", ""));
  EXPECT_FALSE(IsListed("b.so", ":::"));
  EXPECT_FALSE(IsListed("a.so:b.so", "a.so:b.so"));
}

TEST(DefaultModules, ListTheCryptoLibrariesOfDistributions) {
  for (const char* file : {"libcrypto.so.3",     "libssl.so.3",      "libcrypto-3d4f1a2b.so.3",
                           "libnettle.so.8",     "libsodium.so.23",  "libnss3.so",
                           "libnspr4.so",        "libcrypto.so.1.1", "libgcrypt.so.20",
                           "libgnutls.so.30",    "libgmp.so.10",     "libtasn1.so.6",
                           "libmbedcrypto.so.7", "libmbedtls.so.14", "libwolfssl.so.35",
                           "libbotan-2.so.19",   "libtommath.so.1",  "libnssutil3.so",
                           "libplds4.so",        "libfreebl3.so",    "libfreeblpriv3.so"}) {
    EXPECT_TRUE(
        IsListed((std::string("/usr/lib/x86_64-linux-gnu/") + file).c_str(), kDefaultModules))
        << file;
  }
}

TEST(DefaultModules, ListNothingElse) {
  for (const char* file : {"libc.so.6", "libcrypt.so.1", "libm.so.6", "libstdc++.so.6", "libz.so.1",
                           "libpython3.11.so", "ld-linux-x86-64.so.2", "nginx", "openssl",
                           "libsecure_alloc_preload.so", "libssh.so.4", "libssl3.so",
                           "libgmpxx.so.4", "libcryptsetup.so.12", "libcrypto.a",
                           "libnss_files.so.2", "libcurl.so.4"}) {
    EXPECT_FALSE(IsListed((std::string("/usr/lib/") + file).c_str(), kDefaultModules)) << file;
  }
}

TEST(ListedBy, TellsTheGlobThatMatched) {
  const Glob glob = ListedBy("/usr/lib/libfoo.so.1", "liba.so:libfoo.so*:lib*");
  EXPECT_EQ(std::string(glob.text, glob.size), "libfoo.so*");
  EXPECT_EQ(ListedBy("libz.so", "liba.so").size, 0u);
}

}  // namespace
}  // namespace secure_alloc::rules
