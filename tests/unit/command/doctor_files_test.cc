#include <gtest/gtest.h>

#include <map>

#include "preload/command/doctor/cgroup.h"
#include "preload/command/doctor/container.h"
#include "preload/command/doctor/files.h"

namespace secure_alloc {
namespace {

using Files = std::map<std::string, std::string>;
using Version = CgroupMemory::Version;

FileReader Reader(Files files) {
  return [files](const std::string& path) -> std::optional<std::string> {
    const auto at = files.find(path);
    if (at == files.end()) return std::nullopt;
    return at->second;
  };
}

void Expect(const Files& files, Version version, unsigned long long bytes, const char* file = "") {
  const CgroupMemory memory = ReadCgroupMemory(Reader(files));
  EXPECT_EQ(memory.version, version);
  EXPECT_EQ(memory.bytes, bytes);
  EXPECT_EQ(memory.file, file);
}

constexpr char kV2Mount[] =
    "23 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(Cgroup, Version2TakesTheLeastOnTheWayUp) {
  Files files = {
      {"/proc/self/cgroup", "0::/system.slice/web.service\n"},
      {"/proc/self/mountinfo", kV2Mount},
      {"/sys/fs/cgroup/system.slice/web.service/memory.max", "max\n"},
      {"/sys/fs/cgroup/system.slice/memory.max", "536870912\n"},
  };
  Expect(files, Version::kV2, 536870912, "/sys/fs/cgroup/system.slice/memory.max");
  files["/sys/fs/cgroup/system.slice/web.service/memory.max"] = "1048576\n";
  Expect(files, Version::kV2, 1048576, "/sys/fs/cgroup/system.slice/web.service/memory.max");
}

TEST(Cgroup, Version2WithoutALimit) {
  Expect({{"/proc/self/cgroup", "0::/\n"},
          {"/proc/self/mountinfo", kV2Mount},
          {"/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"}},
         Version::kV2, CgroupMemory::kNoLimit);
  Expect({{"/proc/self/cgroup", "0::/\n"},
          {"/proc/self/mountinfo", kV2Mount},
          {"/sys/fs/cgroup/cgroup.controllers", "cpu pids\n"}},
         Version::kNone, CgroupMemory::kNoLimit);
}

// Both hierarchies mounted; memory is version 1's.
TEST(Cgroup, Version1) {
  Files files = {
      {"/proc/self/cgroup", "5:devices:/\n4:cpu,memory:/docker/abc\n0::/\n"},
      {"/proc/self/mountinfo",
       "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n"
       "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
      {"/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"},
      {"/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "2097152\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
  };
  Expect(files, Version::kV1, 2097152, "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes");
  files["/sys/fs/cgroup/memory/docker/memory.limit_in_bytes"] = "9223372036854771712\n";
  Expect(files, Version::kV1, CgroupMemory::kNoLimit);
}

// A container's mount begins at its own cgroup; with a namespace the path is outside, "/..".
TEST(Cgroup, InAContainer) {
  for (const char* path :
       {"4:memory:/docker/abc\n", "4:memory:/docker/abc/\n", "4:memory:/../x\n"}) {
    Expect({{"/proc/self/cgroup", path},
            {"/proc/self/mountinfo",
             "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"},
            {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "4194304\n"}},
           Version::kV1, 4194304, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
  }
}

TEST(Cgroup, BelowAContainersOwn) {
  Expect({{"/proc/self/cgroup", "4:memory:/docker/abc/web\n"},
          {"/proc/self/mountinfo",
           "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"},
          {"/sys/fs/cgroup/memory/web/memory.limit_in_bytes", "4096\n"},
          {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "4194304\n"}},
         Version::kV1, 4096, "/sys/fs/cgroup/memory/web/memory.limit_in_bytes");
}

TEST(Cgroup, NoFilesNoController) {
  Expect({}, Version::kNone, CgroupMemory::kNoLimit);
  Expect({{"/proc/self/cgroup", "nonsense\n:\n"}, {"/proc/self/mountinfo", "1 2 - \n - x\n"}},
         Version::kNone, CgroupMemory::kNoLimit);
}

TEST(Container, IsToldByItsMarks) {
  EXPECT_EQ(FindContainer(Reader({})), "");
  EXPECT_EQ(FindContainer(Reader({{"/proc/self/cgroup", "0::/user.slice\n"}})), "");
  EXPECT_EQ(FindContainer(Reader({{"/.dockerenv", ""}})), "docker");
  EXPECT_EQ(FindContainer(Reader({{"/run/.containerenv", ""}})), "podman");
  EXPECT_EQ(FindContainer(Reader({{"/run/systemd/container", "lxc\n"}})), "lxc");
  EXPECT_EQ(
      FindContainer(Reader(
          {{"/.dockerenv", ""}, {"/var/run/secrets/kubernetes.io/serviceaccount/namespace", "x"}})),
      "kubernetes");
  EXPECT_EQ(FindContainer(Reader({{"/proc/self/cgroup", "4:memory:/kubepods/burstable/x\n"}})),
            "kubernetes");
  const std::string environment("A=b\0container=systemd-nspawn\0C=d\0", 33);
  EXPECT_EQ(FindContainer(Reader({{"/proc/1/environ", environment}})), "systemd-nspawn");
  EXPECT_EQ(FindContainer(Reader({{"/proc/1/environ", "mycontainer=x"}})), "");
}

TEST(Field, IsAWholeName) {
  constexpr char kStatus[] = "Name:\tx\nSeccomp_filters:\t7\nSeccomp:\t2\nCapEff:\t00ff\nEmpty:\n";
  EXPECT_EQ(Field(kStatus, "Seccomp"), "2");
  EXPECT_EQ(Field(kStatus, "CapEff"), "00ff");
  EXPECT_EQ(Field(kStatus, "Empty"), "");
  EXPECT_EQ(Field(kStatus, "ap"), "");
}

}  // namespace
}  // namespace secure_alloc
