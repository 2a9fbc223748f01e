#include "preload/command/run/explain.h"

#include <gtest/gtest.h>

#include "preload/command/common/elf_file.h"

namespace secure_alloc {
namespace {

ModuleRule Rule(const std::string& file, const std::string& options) {
  return RuleFor("/usr/lib/" + file, Settings(options));
}

TEST(RuleFor, NamesTheGlobThatListsAModule) {
  EXPECT_TRUE(Rule("libcrypto.so.3", "").secret);
  EXPECT_EQ(Rule("libcrypto.so.3", "").why, "libcrypto.so* in the default list");
  EXPECT_FALSE(Rule("libz.so.1", "").secret);
  EXPECT_EQ(Rule("libz.so.1", "").why, "not in the default list");
}

TEST(RuleFor, AListOfOnesOwnReplacesTheDefault) {
  EXPECT_TRUE(Rule("node", "modules=libfoo*:node").secret);
  EXPECT_EQ(Rule("node", "modules=libfoo*:node").why, "node in modules");
  EXPECT_FALSE(Rule("libcrypto.so.3", "modules=libfoo*:node").secret);
}

TEST(RuleFor, OtherScopesAskNoList) {
  EXPECT_TRUE(Rule("libz.so.1", "scope=all").secret);
  EXPECT_NE(Rule("libc.so.6", "scope=all").why, Rule("libz.so.1", "scope=all").why);
  EXPECT_FALSE(Rule("libcrypto.so.3", "scope=api").secret);
}

TEST(ParseModuleList, TakesFilesOnly) {
  std::string missing;
  const std::vector<std::string> paths = ParseModuleList(
      "\tlinux-vdso.so.1 (0x00007ffd5)\n"
      "\tlibssl.so.3 => /lib/libssl.so.3 (0x00007f)\n"
      "\tlibodd.so => /opt/a => b (0x1)/libodd.so (0x00007f)\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n",
      &missing);
  EXPECT_EQ(paths, (std::vector<std::string>{"/lib/libssl.so.3", "/opt/a => b (0x1)/libodd.so",
                                             "/lib64/ld-linux-x86-64.so.2"}));
  EXPECT_EQ(missing, "");
}

TEST(ParseModuleList, TellsWhatIsMissing) {
  std::string missing;
  EXPECT_TRUE(ParseModuleList("\tlibgone.so.1 => not found\n", &missing).empty());
  EXPECT_EQ(missing, "libgone.so.1");
}

TEST(NamesSymbol, OfTheDynamicTable) {
  EXPECT_TRUE(NamesSymbol("/usr/bin/openssl", "EVP_PKEY_free"));
  EXPECT_FALSE(NamesSymbol("/usr/bin/openssl", "EVP_PKEY_fre")) << "names are whole";
  EXPECT_FALSE(NamesSymbol("/bin/true", "EVP_PKEY_free"));
  EXPECT_FALSE(NamesSymbol("/etc/passwd", "root"));
  EXPECT_FALSE(NamesSymbol("/no/such/file", "main"));
}

}  // namespace
}  // namespace secure_alloc
