#include "preload/command/run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/command/common/memlock.h"
#include "preload/command/common/message.h"
#include "preload/command/run/explain.h"
#include "preload/command/run/library.h"
#include "preload/command/run/program_check.h"
#include "preload/command/run/settings.h"

namespace secure_alloc {
namespace {

constexpr char kHelp[] = R"(Usage: secalloc run [options] [--] PROGRAM [ARGUMENTS]

Runs an unmodified program with its secrets in memory that nothing else can read.

  --scope=modules|all|api         whose allocations are secret: those of the crypto libraries,
                                  every one, or only those made by the secalloc calls
  --modules=NAME:NAME             the libraries that scope=modules means, as file name patterns
  --fallback=locked|none|plain    when the kernel gives no more secret memory
  --fork=copy|deny|share          what a forked child gets
  --budget=BYTES                  the most secret memory
  --ordinary=hardened|jemalloc|system    who serves the other allocations
  --stats=0|1|json:PATH           what to report when the program ends
  --lockdown                      seal secret memory, and refuse to look into processes
  --mismatch=0|1                  is it fatal to mix up malloc, new and new[]
  --trace                         at exit, which modules allocated, from which domain, how much
  -o NAME=VALUE                   any of these
  --explain                       run nothing: say which domain each module's allocations would
                                  get, and why; with --json, as one JSON object
  --library PATH                  the library to preload, if it isn't beside this command
  --force                         run even a program that can't be protected
  --help                          this text

What SECALLOC_OPTIONS and LD_PRELOAD hold already is kept; the command line wins. The soft
limit of locked memory is raised to the hard one. Symbols are bound when the program starts, as
binding at the first call saves registers, with pieces of keys in them, on the stack; an empty
LD_BIND_NOW in the environment leaves that as the program has it.
Exit status: that of the program, or 0 of --explain; 2 wrong usage, 126 refused, 127 not found.
)";

struct Request {
  explicit Request(const char* options) : settings(options == nullptr ? "" : options) {}
  Settings settings;
  std::string library;
  bool force = false;
  bool explain = false;
  bool json = false;
  bool help = false;
  Words command;
};

int UsageError(const std::string& error) {
  Complain("run: %s", error.c_str());
  return kExitUsage;
}

int UnknownOption(const Arguments& arguments) {
  std::vector<std::string> names = {"--explain", "--force", "--help", "--json", "--library"};
  for (const std::string_view name : Settings::Names()) names.push_back("--" + std::string(name));
  const std::vector<std::string_view> known(names.begin(), names.end());
  return arguments.Unknown("run", known);
}

// The setting that the present word makes, if it makes one, as NAME=VALUE.
bool TakeSetting(Arguments* arguments, std::string* pair) {
  if (arguments->Value("-o", pair)) return true;
  for (const std::string_view name : {"lockdown", "trace"}) {
    if (!arguments->Flag("--" + std::string(name))) continue;
    *pair = std::string(name) + "=1";
    return true;
  }
  for (const std::string_view name : Settings::Names()) {
    std::string value;
    if (!arguments->Value("--" + std::string(name), &value)) continue;
    *pair = std::string(name) + "=" + value;
    return true;
  }
  return false;
}

// 0, or the exit code of wrong usage.
int ParseRequest(const Words& words, Request* request) {
  Arguments arguments(words);
  std::string pair, error;
  while (arguments.Next()) {
    if (TakeSetting(&arguments, &pair)) {
      if (arguments.failed()) break;
      if (!request->settings.SetPair(pair, &error)) return UsageError(error);
    } else if (arguments.Value("--library", &request->library)) {
    } else if (arguments.Flag("--force")) {
      request->force = true;
    } else if (arguments.Flag("--explain")) {
      request->explain = true;
    } else if (arguments.Flag("--json")) {
      request->json = true;
    } else if (arguments.Flag("--help") || arguments.Flag("-h")) {
      request->help = true;
      return 0;
    } else if (arguments.IsOption()) {
      return UnknownOption(arguments);
    } else {
      arguments.PutBack();
      break;
    }
  }
  if (arguments.failed()) return kExitUsage;
  request->command = arguments.Rest();
  if (request->json && !request->explain) return UsageError("--json goes with --explain");
  return request->command.empty() ? UsageError("no program given; see secalloc run --help") : 0;
}

// 0, or the exit code of a refusal.
int CheckOrWarn(const Request& request, const ProgramCheck& check) {
  switch (check.verdict) {
    case ProgramCheck::Verdict::kOk:
      return 0;
    case ProgramCheck::Verdict::kNotFound:
      Complain("run: %s", check.problem.c_str());
      return kExitNotFound;
    case ProgramCheck::Verdict::kRefused:
      break;
  }
  if (request.force && !request.explain) {
    Complain("run: not protected, but --force: %s", check.problem.c_str());
    return 0;
  }
  Complain("run: not started, it can't be protected: %s", check.problem.c_str());
  return kExitRefused;
}

int Execute(const Words& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  Complain("run: can't execute %s: %s", arguments[0], ErrnoText(error).c_str());
  return error == ENOENT ? kExitNotFound : kExitRefused;
}

}  // namespace

int RunCommand(const Words& words) {
  Request request(getenv("SECALLOC_OPTIONS"));
  if (const int code = ParseRequest(words, &request); code != 0) return code;
  if (request.help) {
    fputs(kHelp, stdout);
    return 0;
  }
  const ProgramCheck program = CheckProgram(request.command[0]);
  if (const int code = CheckOrWarn(request, program); code != 0) return code;

  std::string error;
  std::vector<std::string> libraries = {FindLibrary(request.library, &error)};
  if (error.empty() && request.settings.Get("ordinary") == "jemalloc") {
    libraries.push_back(FindJemalloc(&error));
  }
  if (!error.empty()) {
    Complain("run: %s", error.c_str());
    return kExitRefused;
  }
  const char* present = getenv("LD_PRELOAD");
  setenv("LD_PRELOAD", PreloadList(libraries, present == nullptr ? "" : present).c_str(), 1);
  if (request.explain) return Explain(program, request.settings, request.json);
  const std::string options = request.settings.Text();
  if (!options.empty()) setenv("SECALLOC_OPTIONS", options.c_str(), 1);
  // Python's executable is bound lazily: after loading a key, parts of it lay on the stack.
  setenv("LD_BIND_NOW", "1", /*overwrite=*/0);
  if (!RaiseMemlock()) {
    Complain("run: the limit of locked memory stays as it is: %s", ErrnoText(errno).c_str());
  }
  return Execute(request.command);
}

}  // namespace secure_alloc
