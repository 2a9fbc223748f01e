#include "preload/command/doctor/doctor.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "preload/command/common/file_io.h"
#include "preload/command/common/json.h"
#include "preload/command/common/message.h"
#include "preload/command/doctor/machine_rows.h"
#include "preload/command/doctor/secret_rows.h"

namespace secure_alloc {
namespace {

constexpr char kHelp[] = R"(Usage: secalloc doctor [--json]

Says what this machine gives for keeping secrets, what is missing, and the exact fix.
Exit status: 0 if secrets can live in memfd_secret memory, 1 if not.
)";

constexpr std::string_view kOptions[] = {"--json", "--help"};
constexpr const char* kStates[] = {"ok", "limited", "missing"};
constexpr Color kColors[] = {Color::kGreen, Color::kYellow, Color::kRed};

const char* Name(State state) { return kStates[static_cast<size_t>(state)]; }

std::vector<Row> Examine(const SecretProbe& probe, const std::string& release) {
  const SecretAccounting accounting =
      probe.works() ? ProbeAccounting() : SecretAccounting::kUnknown;
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);  // Fails for wrong arguments only.
  const bool exempt = HasIpcLock() && InFirstUserNamespace();
  std::vector<Row> rows = {
      SecretRow(probe, ParseKernelVersion(release), ReadText("/proc/cmdline").value_or("")),
      AccountingRow(accounting),
      LockLimitRow({limit.rlim_cur, limit.rlim_max, exempt}, accounting),
  };
  for (Row& row : MachineRows()) rows.push_back(std::move(row));
  return rows;
}

void PrintText(const std::vector<Row>& rows, const std::string& release, bool works) {
  printf("secalloc doctor: kernel %s\n", release.c_str());
  for (const Row& row : rows) {
    const std::string state = Format("%-8s", Name(row.state));
    printf("  %s %-15s %s\n",
           Paint(STDOUT_FILENO, kColors[static_cast<size_t>(row.state)], state).c_str(),
           row.name.c_str(), row.value.c_str());
    printf("           %-15s %s\n", "", row.meaning.c_str());
    if (!row.fix.empty()) {
      printf("           %-15s %s %s\n", "", Paint(STDOUT_FILENO, Color::kBold, "fix:").c_str(),
             row.fix.c_str());
    }
  }
  puts(works ? Paint(STDOUT_FILENO, Color::kGreen, "Secrets can be kept here.").c_str()
             : Paint(STDOUT_FILENO, Color::kRed, "Secrets can only be locked here, not hidden.")
                   .c_str());
}

void PrintJson(const std::vector<Row>& rows, const std::string& release, bool works) {
  std::vector<std::string> objects;
  for (const Row& row : rows) {
    objects.push_back(JsonObject()
                          .Text("name", row.name)
                          .Text("state", Name(row.state))
                          .Text("value", row.value)
                          .Text("meaning", row.meaning)
                          .Text("fix", row.fix)
                          .str());
  }
  puts(JsonObject()
           .Text("kernel", release)
           .Bool("secret_memory", works)
           .Raw("rows", JsonArray(objects))
           .str()
           .c_str());
}

}  // namespace

int DoctorCommand(const Words& words) {
  Arguments arguments(words);
  bool json = false;
  while (arguments.Next()) {
    if (arguments.Flag("--json")) {
      json = true;
    } else if (arguments.Flag("--help") || arguments.Flag("-h")) {
      fputs(kHelp, stdout);
      return 0;
    } else {
      return arguments.Unknown("doctor", kOptions);
    }
  }
  utsname name{};
  uname(&name);  // Fails for wrong addresses only.
  const SecretProbe probe = ProbeSecretMemory();
  const std::vector<Row> rows = Examine(probe, name.release);
  (json ? PrintJson : PrintText)(rows, name.release, probe.works());
  return probe.works() ? 0 : 1;
}

}  // namespace secure_alloc
