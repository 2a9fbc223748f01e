#include "allocator/domain/default_budget.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace secure_alloc {
namespace {

// A tree of files such as /sys/fs/cgroup.
class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/cgroup.XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  size_t Limit(const std::string& cgroup) {
    return CgroupMemoryLimit(cgroup.c_str(), root_.c_str());
  }

  std::string root_;
};

TEST_F(CgroupTest, WithoutFilesThereIsNoLimit) {
  EXPECT_EQ(Limit("0::/user.slice\n"), SIZE_MAX);
  EXPECT_EQ(Limit(""), SIZE_MAX);
  EXPECT_EQ(Limit("nonsense\n0:\n::\n"), SIZE_MAX);
}

TEST_F(CgroupTest, Version2TakesTheLeastOnTheWayUp) {
  Write("/a/b/memory.max", "max");
  EXPECT_EQ(Limit("0::/a/b\n"), SIZE_MAX);
  Write("/a/memory.max", "67108864");
  EXPECT_EQ(Limit("0::/a/b\n"), 67108864u);
  EXPECT_EQ(Limit("0::/other\n"), SIZE_MAX);
  Write("/a/b/memory.max", "33554432");
  EXPECT_EQ(Limit("0::/a/b\n"), 33554432u);
  EXPECT_EQ(Limit("0::/a\n"), 67108864u);
  Write("/memory.max", "1048576");
  EXPECT_EQ(Limit("0::/\n"), 1048576u);
}

TEST_F(CgroupTest, Version1HasAControllerOfItsOwn) {
  Write("/memory/docker/x/memory.limit_in_bytes", "8388608");
  Write("/memory/memory.limit_in_bytes", "9223372036854771712");
  Write("/docker/x/memory.max", "4096");
  EXPECT_EQ(Limit("12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/docker/x\n"),
            8388608u);
  EXPECT_EQ(Limit("4:memory:/\n"), SIZE_MAX) << "version 1's way to say none";
}

TEST_F(CgroupTest, PathsThatAreTooLongAreLeftOut) {
  EXPECT_EQ(Limit("0::/" + std::string(5000, 'x') + "\n"), SIZE_MAX);
}

}  // namespace
}  // namespace secure_alloc
