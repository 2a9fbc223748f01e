// The secalloc command: run, scan, stats, doctor.
#include <stdio.h>

#include <string>

#include "preload/command/common/arguments.h"
#include "preload/command/common/message.h"
#include "preload/command/common/nearest.h"
#include "preload/command/doctor/doctor.h"
#include "preload/command/run/run.h"
#include "preload/command/scan/scan.h"
#include "preload/command/stats/stats.h"

namespace secure_alloc {
namespace {

constexpr char kVersion[] = "0.1.0";

constexpr char kHelp[] = R"(Usage: secalloc COMMAND ...

Keeps the secrets of programs out of reach, and shows that they are.

  run [options] -- PROGRAM ...    run a program with its secrets in memory of their own
  scan PID|CORE --key FILE        is this key visible in that process or core file?
  stats PID                       how much that process keeps secret, and how
  doctor                          what this machine gives, what is missing, and the fix
  help COMMAND                    the same as secalloc COMMAND --help: options, exit status

secalloc --version prints the version. Colours are for terminals, and not used when NO_COLOR is set.
Exit status: 0 well, 1 the answer is bad (a key is visible, a promise can't be kept, a process has
no figures), 2 wrong usage, 3 a scan was blind, or the answer can't be written; run has its
program's, or 126 and 127 if that can't be run.
)";

constexpr std::string_view kCommands[] = {"run",  "scan",   "stats",    "doctor",
                                          "help", "--help", "--version"};

int Main(const Words& words) {
  if (words.empty()) {
    fputs(kHelp, stderr);
    return kExitUsage;
  }
  const std::string& command = words[0];
  const Words rest(words.begin() + 1, words.end());
  if (command == "run") return RunCommand(rest);
  if (command == "scan") return ScanCommand(rest);
  if (command == "stats") return StatsCommand(rest);
  if (command == "doctor") return DoctorCommand(rest);
  if (command == "help" && !rest.empty() && rest[0] != "help") return Main({rest[0], "--help"});
  if (command == "--help" || command == "-h" || command == "help") {
    fputs(kHelp, stdout);
    return 0;
  }
  if (command == "--version") {
    printf("secalloc %s\n", kVersion);
    return 0;
  }
  Complain("unknown command %s%s; see secalloc --help", command.c_str(),
           DidYouMean(command, kCommands).c_str());
  return kExitUsage;
}

}  // namespace
}  // namespace secure_alloc

int main(int argc, char** argv) {
  return secure_alloc::FinishOutput(secure_alloc::Main(secure_alloc::Words(argv + 1, argv + argc)));
}
