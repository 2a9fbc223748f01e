#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/row.h"
#include "preload/command/doctor/workers.h"

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;
using Reach = Userfaultfd::Reach;

constexpr unsigned long long kMiB = 1 << 20;
constexpr Trial kRefused{EPERM, 0}, kAbsent{ENOSYS, 0};

// A laptop of today, where everything is in place: a user without privileges.
Facts Good() {
  Facts facts;
  facts.kernel = {6, 12};
  facts.secret = {Step::kDone, 0, 0};
  facts.accounting = SecretAccounting::kAtMmap;
  facts.scope = LimitScope::kProcess;
  facts.userfaultfd = {Reach::kAll, {}};
  facts.soft_memlock = facts.hard_memlock = 256 * kMiB;
  facts.user = "kim";
  facts.seccomp = "0";
  facts.max_map_count = "65530";
  facts.overcommit = "0";
  facts.unprivileged_userfaultfd = "1";
  facts.core_pattern = "core";
  facts.ptrace_scope = "1";
  facts.sys_ptrace = true;
  facts.library = "/usr/lib/libsecure_alloc_preload.so";
  return facts;
}

// Debian 12 as it comes: no secret memory, 8 MiB to lock.
Facts Plain() {
  Facts facts = Good();
  facts.kernel = {6, 1};
  facts.secret = {Step::kCall, ENOSYS, 0};
  facts.accounting = SecretAccounting::kUnknown;
  facts.scope = LimitScope::kUnknown;
  facts.hard_memlock = 8 * kMiB;
  return facts;
}

Finding Find(std::string_view name, const Facts& facts) {
  for (const auto rules : {PromiseRules(), MachineRules()}) {
    for (const Rule& rule : rules) {
      if (rule.name == name) return rule.find(facts);
    }
  }
  ADD_FAILURE() << "no rule " << name;
  return {};
}

bool Has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// The state, and what its line to type contains.
void Expect(const char* name, const Facts& facts, State state, const char* fix = "") {
  const Finding found = Find(name, facts);
  EXPECT_EQ(found.state, state) << name << ": " << found.value;
  EXPECT_FALSE(found.value.empty() || found.meaning.empty()) << name;
  EXPECT_EQ(found.fix.empty(), *fix == '\0') << name << ": " << found.fix;
  EXPECT_TRUE(Has(found.fix, fix)) << name << ": " << found.fix;
}

TEST(Rules, NothingToDoWhereAllIsInPlace) {
  for (const auto rules : {PromiseRules(), MachineRules()}) {
    for (const Rule& rule : rules) Expect(rule.name.data(), Good(), State::kOk);
  }
}

TEST(Rules, EachShortfallHasALine) {
  Facts nothing = Plain();
  nothing.lock = nothing.undump = nothing.move = nothing.seal = nothing.filter = kRefused;
  nothing.userfaultfd = {Reach::kNone, kRefused};
  nothing.hard_memlock = 0;
  nothing.first_user_namespace = false;
  nothing.smaps = false;
  nothing.swaps = "Filename\n/dev/sda2 partition 1 0 -2";
  nothing.power_disk = "[platform] shutdown";
  nothing.library = "";
  nothing.library_error = "build it";
  for (const Rule& rule : PromiseRules()) {
    if (rule.name == "guards") continue;  // They are given up where they can't be had.
    const Finding found = rule.find(nothing);
    EXPECT_EQ(found.state, State::kMissing) << rule.name;
    EXPECT_NE(found.fix, "") << rule.name;
  }
}

TEST(SecretMemory, AbsenceIsExplainedByTheKernel) {
  Facts facts = Plain();
  Expect("secret_memory", facts, State::kMissing, "add secretmem.enable=1");
  facts.command_line = "secretmem.enable=0 quiet";
  Expect("secret_memory", facts, State::kMissing, "take secretmem.enable=0");
  facts.kernel = {5, 10};
  Expect("secret_memory", facts, State::kMissing, "5.14");
  facts.kernel = {6, 12};
  Expect("secret_memory", facts, State::kMissing, "take secretmem.enable=0");
  facts.command_line = "";
  Expect("secret_memory", facts, State::kMissing, "CONFIG_SECRETMEM");
}

TEST(SecretMemory, SandboxesAndLimitsAreNamed) {
  Facts facts = Plain();
  facts.secret = {Step::kCall, EPERM, 0};
  Expect("secret_memory", facts, State::kMissing, "SystemCallFilter=memfd_secret");
  facts.secret = {Step::kCall, 0, SIGSYS};
  Expect("secret_memory", facts, State::kMissing, "seccomp");
  EXPECT_TRUE(Has(Find("secret_memory", facts).value, "SIGSYS"));
  facts.secret = {Step::kMap, EAGAIN, 0};
  Expect("secret_memory", facts, State::kMissing, "'kim - memlock 262144'");
  facts.secret = {Step::kTouch, EFAULT, 0};
  Expect("secret_memory", facts, State::kMissing, "LimitMEMLOCK=256M");
  facts.secret = {Step::kCall, EMFILE, 0};
  Expect("secret_memory", facts, State::kMissing, "ulimit -n");
}

TEST(Fixes, AreThoseOfTheContainer) {
  Facts facts = Plain();
  facts.hard_memlock = 0;
  facts.secret = {Step::kCall, EPERM, 0};
  facts.container = "podman";
  Expect("memlock", facts, State::kMissing, "podman run --ulimit memlock=268435456");
  Expect("secret_memory", facts, State::kMissing, "podman run --security-opt seccomp=");
  facts.max_map_count = "1000";
  Expect("guards", facts, State::kLimited, "on the host: sysctl -w vm.max_map_count=");
  facts.container = "kubernetes";
  Expect("memlock", facts, State::kMissing, "containerd");
  Expect("secret_memory", facts, State::kMissing, "seccompProfile");
}

TEST(Memlock, DependsOnPrivilegeAndCheck) {
  Facts facts = Good();
  facts.hard_memlock = 8 * kMiB;
  Expect("memlock", facts, State::kLimited, "LimitMEMLOCK=");
  facts.ipc_lock = true;
  Expect("memlock", facts, State::kOk);
  facts.first_user_namespace = false;
  Expect("memlock", facts, State::kLimited, "outside");
  facts.first_user_namespace = true;
  facts.accounting = SecretAccounting::kAtTouch;  // Root is not exempt there.
  Expect("memlock", facts, State::kLimited, "LimitMEMLOCK=");
  facts.accounting = SecretAccounting::kNever;
  Expect("memlock", facts, State::kOk);
}

TEST(ForkCopies, NeedRoomForTheWorkers) {
  Facts facts = Good();
  facts.hard_memlock = 8 * kMiB;
  facts.workers = {16, 2 * kMiB};
  Expect("fork_copies", facts, State::kOk);  // Each process has the limit to itself.
  facts.workers.bytes = 5 * kMiB;
  Expect("fork_copies", facts, State::kLimited, "LimitMEMLOCK=256M");
  facts.scope = LimitScope::kUser;
  facts.workers.bytes = 16 * kMiB;
  Expect("fork_copies", facts, State::kLimited, "LimitMEMLOCK=272M");  // 17 x 16
  facts.hard_memlock = 272 * kMiB;
  Expect("fork_copies", facts, State::kOk);
  facts.move = kRefused;
  Expect("fork_copies", facts, State::kMissing, "SystemCallFilter=mremap");
}

TEST(Workers, ArithmeticFollowsTheScope) {
  const Workers workers{16, 2 * kMiB};
  EXPECT_EQ(MemlockNeeded(workers, LimitScope::kProcess), 4 * kMiB);
  EXPECT_EQ(MemlockNeeded(workers, LimitScope::kUser), 34 * kMiB);
  EXPECT_EQ(MemlockSum(workers, LimitScope::kUser),
            "(16 + 1) x 2.0 MiB = 34.0 MiB, for all processes of the user");
}

TEST(LockedFallback, LimitOrSandbox) {
  Facts facts = Plain();
  facts.lock = {ENOMEM, 0};
  Expect("locked_fallback", facts, State::kMissing, "LimitMEMLOCK=");
  facts.lock = kRefused;
  Expect("locked_fallback", facts, State::kMissing, "SystemCallFilter=mlock");
}

TEST(CoreDumps, LockedMemoryIsInGcore) {
  Facts facts = Plain();
  Expect("core_dumps", facts, State::kLimited, "secret_memory");
  facts.undump = kAbsent;
  Expect("core_dumps", facts, State::kMissing, "LimitCORE=0");
}

TEST(Reservations, ACgroupsLimitIsShared) {
  Facts facts = Good();
  facts.cgroup = {CgroupMemory::Version::kV2, 64 * kMiB, "/sys/fs/cgroup/a/memory.max"};
  Expect("reservations", facts, State::kOk);
  EXPECT_TRUE(Has(Find("cgroup", facts).value, "version 2, 64.0 MiB"));
  facts.workers.bytes = 16 * kMiB;
  Expect("reservations", facts, State::kLimited, "MemoryMax=128M");
  facts.container = "docker";
  Expect("reservations", facts, State::kLimited, "docker run --memory=128m");
  facts.accounting = SecretAccounting::kUnknown;
  Expect("reservations", facts, State::kMissing, "capset");
}

TEST(Statistics, NeedToReadPrograms) {
  Facts facts = Good();
  facts.sys_ptrace = false;
  Expect("statistics", facts, State::kLimited, "sudo");
  facts.ptrace_scope = "0";
  Expect("statistics", facts, State::kOk);
  facts.ptrace_scope = "3";
  facts.sys_ptrace = true;
  Expect("statistics", facts, State::kMissing, "ptrace_scope=3");
}

TEST(Promotion, DependsOnUserfaultfd) {
  Facts facts = Good();
  facts.userfaultfd = {Reach::kUserMode, kRefused};
  Expect("promotion", facts, State::kLimited, "setfacl -m u:kim:rw /dev/userfaultfd");
  facts.kernel = {5, 15};
  EXPECT_FALSE(Has(Find("promotion", facts).fix, "setfacl"));
  facts.userfaultfd = {Reach::kNone, kRefused};
  Expect("promotion", facts, State::kMissing, "sysctl -w vm.unprivileged_userfaultfd=1");
  facts.userfaultfd = {Reach::kNone, kAbsent};
  Expect("promotion", facts, State::kMissing, "CONFIG_USERFAULTFD");
}

TEST(Lockdown, HasTwoHalves) {
  Facts facts = Good();
  facts.kernel = {6, 1};
  facts.seal = kAbsent;
  Expect("lockdown", facts, State::kLimited, "6.10");
  facts.kernel = {6, 12};
  Expect("lockdown", facts, State::kLimited, "SystemCallFilter=mseal");
  facts.filter = kRefused;
  Expect("lockdown", facts, State::kMissing, "CONFIG_SECCOMP_FILTER");
}

TEST(Hibernation, BlockedPossibleForbidden) {
  Facts facts = Good();
  facts.power_disk = "[platform] shutdown reboot";
  Expect("hibernation", facts, State::kLimited, "end protected programs");
  facts.power_disk = "[disabled]";
  Expect("hibernation", facts, State::kOk);
  facts = Plain();
  facts.power_disk = "[platform] shutdown reboot";
  Expect("hibernation", facts, State::kMissing, "systemctl mask hibernate.target");
  facts.lockdown = "none [integrity] confidentiality";
  Expect("hibernation", facts, State::kOk);
  facts.lockdown = "[none] integrity confidentiality";
  Expect("hibernation", facts, State::kMissing, "nohibernate");
  facts.command_line = "nohibernate";
  Expect("hibernation", facts, State::kOk);
}

TEST(Swap, HarmsOnlyWhatIsNotLocked) {
  Facts facts = Plain();
  facts.swaps = "Filename Type\n/dev/sda2 partition";
  Expect("swap", facts, State::kOk);
  facts.lock = kRefused;
  Expect("swap", facts, State::kMissing, "swapoff -a");
  facts.swaps = "";
  Expect("swap", facts, State::kMissing, "swapoff -a");
  facts.swaps = "Filename Type";
  Expect("swap", facts, State::kOk);
}

TEST(Guards, DependOnTheMapCount) {
  Facts facts = Good();
  facts.max_map_count = "1000";
  Expect("guards", facts, State::kLimited, "sysctl -w vm.max_map_count=");
  facts.max_map_count = "";
  Expect("guards", facts, State::kLimited, "mount -t proc");
}

TEST(Machine, RemarksHaveALine) {
  Facts facts = Good();
  facts.ptrace_scope = "";
  Expect("ptrace_scope", facts, State::kLimited, "lsm=");
  facts.ptrace_scope = "0";
  Expect("ptrace_scope", facts, State::kLimited, "sysctl -w kernel.yama.ptrace_scope=1");
  facts.overcommit = "2";
  Expect("overcommit", facts, State::kLimited, "vm.overcommit_memory=0");
  for (const int error : {ENOSPC, ENOSYS, EINVAL}) {
    facts.keys = {error, 0};
    Expect("protection_keys", facts, State::kLimited, "a processor with");
  }
  facts.keys = kRefused;
  Expect("protection_keys", facts, State::kLimited, "pkey_alloc");
  facts.first_user_namespace = false;
  Expect("user_namespace", facts, State::kLimited, "--ulimit memlock=");
  EXPECT_EQ(Find("ipc_lock", facts).value, "no");
  facts.ipc_lock = true;
  EXPECT_EQ(Find("ipc_lock", facts).value, "in this user namespace only");
}

TEST(KernelVersion, IsComparedByNumber) {
  EXPECT_LT(ParseKernelVersion("5.4.0"), ParseKernelVersion("5.14.0"));
  EXPECT_LT(ParseKernelVersion("5.19"), ParseKernelVersion("6.1"));
  EXPECT_EQ(ParseKernelVersion("nonsense"), (KernelVersion{0, 0}));
}

}  // namespace
}  // namespace secure_alloc
