#include "preload/command/scan/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "preload/command/common/message.h"
#include "preload/command/scan/control.h"
#include "preload/command/scan/key_file.h"
#include "preload/command/scan/process_memory.h"
#include "preload/command/scan/report.h"

namespace secure_alloc {
namespace {

constexpr char kHelp[] = R"(Usage: secalloc scan PID|CORE --key FILE [--key FILE ...] [options]

Says whether a private key can be read in the memory of a live process, or in a core file.
Reads every byte that can be read, and looks for any 24 consecutive bytes of the key's
secret numbers in either byte order, and of its PEM text.

  --key FILE        RSA or EC private key, PEM or DER, PKCS#1, PKCS#8 or SEC1
  --raw FILE        any other secret: its bytes as they are, at least 24
  --control TEXT    a text of at least 24 bytes that is in the process's memory; without it
                    the scan takes one that the kernel tells of
  --json            one JSON object instead of text
  --help            this text

Every scan also looks for the control. One that misses it is blind, and says so.
Exit status: 0 hidden, 1 visible, 2 wrong usage or key file, 3 blind or not readable.
)";

constexpr std::string_view kOptions[] = {"--key", "--raw", "--control", "--json", "--help"};

struct Request {
  std::string target;
  std::vector<std::string> keys, raws;
  std::string control;
  bool json = false;
  bool help = false;
};

// 0, or the exit code of wrong usage.
int ParseRequest(const Words& words, Request* request) {
  Arguments arguments(words);
  std::string value;
  while (arguments.Next()) {
    if (arguments.Value("--key", &value)) {
      request->keys.push_back(value);
    } else if (arguments.Value("--raw", &value)) {
      request->raws.push_back(value);
    } else if (arguments.Value("--control", &request->control)) {
    } else if (arguments.Flag("--json")) {
      request->json = true;
    } else if (arguments.Flag("--help") || arguments.Flag("-h")) {
      request->help = true;
      return 0;
    } else if (arguments.IsOption()) {
      return arguments.Unknown("scan", kOptions);
    } else if (request->target.empty()) {
      request->target = arguments.word();
    } else {
      Complain("scan: one process or core file at a time, not also %s", arguments.word().c_str());
      return kExitUsage;
    }
  }
  if (arguments.failed()) return kExitUsage;
  if (request->target.empty() || (request->keys.empty() && request->raws.empty())) {
    Complain("scan needs a PID or core file, and --key FILE; see secalloc scan --help");
    return kExitUsage;
  }
  if (!request->control.empty() && request->control.size() < Needles::kWindow) {
    Complain("scan: --control needs at least %zu bytes", Needles::kWindow);
    return kExitUsage;
  }
  return 0;
}

bool AddKeys(const Request& request, Needles* needles) {
  std::string error;
  for (const std::string& path : request.keys) {
    if (AddKeyFile(path, needles, &error)) continue;
    Complain("scan: key %s: %s", path.c_str(), error.c_str());
    return false;
  }
  for (const std::string& path : request.raws) {
    if (AddRawFile(path, needles, &error)) continue;
    Complain("scan: secret %s: %s", path.c_str(), error.c_str());
    return false;
  }
  return true;
}

struct Target {
  std::unique_ptr<Memory> memory;
  Control control;
  uint64_t bytes_left_out = 0;
};

bool IsPid(const std::string& text) {
  return text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool OpenTarget(const std::string& name, Target* target, std::string* error) {
  if (IsPid(name)) {
    const pid_t pid = atoi(name.c_str());
    target->memory = ProcessMemory::Open(pid, error);
    if (target->memory == nullptr) return false;
    target->control = ProcessControl(pid);
    return true;
  }
  std::unique_ptr<CoreMemory> core = CoreMemory::Open(name, error);
  if (core == nullptr) return false;
  target->control = CoreControl(*core);
  target->bytes_left_out = core->bytes_left_out();
  target->memory = std::move(core);
  return true;
}

void AddControl(const Control& control, Needles* needles) {
  if (control.bytes.empty()) return;
  const size_t token = needles->AddToken({"", "control", "text", true});
  for (const std::string& bytes : control.bytes) {
    needles->Add(token, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }
}

}  // namespace

int ScanCommand(const Words& words) {
  Request request;
  if (const int code = ParseRequest(words, &request); code != 0) return code;
  if (request.help) {
    fputs(kHelp, stdout);
    return 0;
  }
  Needles needles;
  if (!AddKeys(request, &needles)) return kExitUsage;

  Target target;
  std::string error;
  if (!OpenTarget(request.target, &target, &error)) {
    Complain("scan: %s", error.c_str());
    return kExitBlind;
  }
  if (!request.control.empty()) target.control = {"given by --control", {request.control}};
  if (target.control.bytes.empty()) target.control.source = "none known: give one by --control";
  AddControl(target.control, &needles);
  needles.Seal();

  Memory& memory = *target.memory;
  Searcher searcher(needles, [&](uint64_t address) { return NameAt(memory, address); });
  const SweepAccount account = Sweep(&memory, &searcher, isatty(STDERR_FILENO) == 1);
  ScanReport report = MakeReport(memory, account, needles, searcher);
  report.bytes_left_out = target.bytes_left_out;
  report.control_source = target.control.source;
  fputs((request.json ? ReportJson(report) + "\n" : ReportText(report)).c_str(), stdout);
  return report.ExitCode();
}

}  // namespace secure_alloc
