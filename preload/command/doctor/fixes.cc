#include "preload/command/doctor/fixes.h"

#include <algorithm>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr unsigned long long kLeast = 256ull << 20;  // Room for programs not thought of yet.

constexpr char kHowToBoot[] =
    " (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and boot again";

bool IsDockerLike(const Facts& facts) {
  return facts.container == "docker" || facts.container == "podman";
}

std::string RunFlag(const Facts& facts, const std::string& flag) {
  return facts.container + " run " + flag;
}

}  // namespace

std::string MemlockFix(const Facts& facts, unsigned long long bytes) {
  const unsigned long long mib = (std::max(bytes, kLeast) + (1 << 20) - 1) >> 20;
  const std::string flag = Format("--ulimit memlock=%llu", mib << 20);
  if (IsDockerLike(facts)) return RunFlag(facts, flag);
  const std::string unit = Format("LimitMEMLOCK=%lluM", mib);
  if (facts.container == "kubernetes") {
    return unit + " in the unit of the node's containerd or kubelet: pods have no setting for it";
  }
  if (!facts.container.empty()) return "raise it where the container is started: " + unit;
  if (!facts.first_user_namespace) {
    return "raise it outside the sandbox, for a container: docker or podman run " + flag;
  }
  return Format(
      "echo '%s - memlock %llu' >>/etc/security/limits.d/secalloc.conf, then log in "
      "again; for a service %s in its unit; for a container --ulimit memlock=%llu",
      facts.user.c_str(), mib << 10, unit.c_str(), mib << 20);
}

std::string SandboxFix(const Facts& facts, const std::string& call) {
  const std::string profile = Format(
      "--security-opt seccomp=PROFILE.json with \"%s\" among its allowed names "
      "(seccomp=unconfined to try)",
      call.c_str());
  if (IsDockerLike(facts)) return RunFlag(facts, profile);
  if (facts.container == "kubernetes") {
    return "securityContext: seccompProfile: a Localhost profile that allows " + call;
  }
  return "allow it where the sandbox is made: systemd SystemCallFilter=" + call +
         "; docker or podman run " + profile;
}

std::string SysctlFix(const Facts& facts, const std::string& setting) {
  if (!facts.container.empty()) return "on the host: sysctl -w " + setting;
  return "sysctl -w " + setting + " (and to stay: echo '" + setting +
         "' >/etc/sysctl.d/60-secalloc.conf)";
}

std::string CgroupFix(const Facts& facts, unsigned long long bytes) {
  const unsigned long long mib = (bytes + (1 << 20) - 1) >> 20;
  if (IsDockerLike(facts)) return RunFlag(facts, Format("--memory=%llum", mib));
  if (facts.container == "kubernetes") return Format("resources: limits: memory: %lluMi", mib);
  return Format("MemoryMax=%lluM in its unit: systemctl set-property UNIT MemoryMax=%lluM", mib,
                mib);
}

std::string BootWithFix(const std::string& parameter) {
  return "add " + parameter + " to the kernel's command line" + kHowToBoot;
}

std::string BootWithoutFix(const std::string& parameter) {
  return "take " + parameter + " off the kernel's command line" + kHowToBoot;
}

}  // namespace secure_alloc
