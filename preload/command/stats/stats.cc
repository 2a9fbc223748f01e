#include "preload/command/stats/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "preload/command/common/message.h"
#include "preload/command/stats/figures.h"
#include "preload/command/stats/process_record.h"

namespace secure_alloc {
namespace {

constexpr char kHelp[] = R"(Usage: secalloc stats [options] PID

Says how much secret memory a program uses that runs with secure_alloc, by domain. The program
is not disturbed: its figures are read from its memory, so you must be its user or root.

  --json          one JSON object
  --prometheus    Prometheus' text format
  --watch=SECS    every so many seconds again (--watch: every second), to the program's end
  --help          this text

Exit status: 0, 1 if the process does not run with secure_alloc or may not be read, 2 wrong usage.
)";

constexpr std::string_view kOptions[] = {"--json", "--prometheus", "--watch", "--help"};

struct Request {
  pid_t pid = 0;
  std::string (*format)(const Record&) = FiguresAsText;
  double interval = 0;  // seconds; 0: once
};

bool ParsePid(const std::string& word, pid_t* pid) {
  char* end;
  const long number = strtol(word.c_str(), &end, 10);
  *pid = static_cast<pid_t>(number);
  return !word.empty() && *end == '\0' && number > 0 && number == *pid;
}

bool ParseInterval(const std::string& word, double* seconds) {
  char* end;
  *seconds = strtod(word.c_str(), &end);
  return !word.empty() && *end == '\0' && *seconds >= 0.01 && *seconds <= 86400;
}

int Usage(const std::string& why) {
  Complain("%s; see secalloc stats --help", why.c_str());
  return kExitUsage;
}

int Show(const Request& request) {
  std::string error;
  const std::unique_ptr<ProcessRecord> record = ProcessRecord::Open(request.pid, &error);
  if (record == nullptr) {
    Complain("%s", error.c_str());
    return 1;
  }
  const bool live = request.interval > 0 && isatty(STDOUT_FILENO) != 0;
  do {
    if (live) fputs("\033[H\033[2J", stdout);
    printf("%s", request.format(record->figures()).c_str());
    if (request.format == FiguresAsJson) puts("");
    if (fflush(stdout) != 0 || request.interval == 0) return 0;
    usleep(static_cast<useconds_t>(request.interval * 1e6));
  } while (record->Read());
  return 0;
}

}  // namespace

int StatsCommand(const Words& words) {
  Request request;
  Arguments arguments(words);
  while (arguments.Next()) {
    std::string seconds;
    if (arguments.Flag("--help") || arguments.Flag("-h")) {
      fputs(kHelp, stdout);
      return 0;
    } else if (arguments.Flag("--json")) {
      request.format = FiguresAsJson;
    } else if (arguments.Flag("--prometheus")) {
      request.format = FiguresAsPrometheus;
    } else if (arguments.Flag("--watch")) {
      request.interval = 1;
    } else if (arguments.Value("--watch", &seconds)) {
      if (!ParseInterval(seconds, &request.interval)) {
        return Usage("--watch=SECS takes seconds from 0.01 to 86400");
      }
    } else if (arguments.IsOption()) {
      return arguments.Unknown("stats", kOptions);
    } else if (request.pid != 0 || !ParsePid(arguments.word(), &request.pid)) {
      return Usage(Format("`%s` is not one process id", arguments.word().c_str()));
    }
  }
  if (arguments.failed()) return kExitUsage;
  if (request.pid == 0) return Usage("which process? secalloc stats PID");
  return Show(request);
}

}  // namespace secure_alloc
