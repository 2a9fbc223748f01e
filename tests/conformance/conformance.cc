// conformance: tries each operation on secret, locked and ordinary memory, and prints what this
// kernel does as a table. Exit status 0; 2 for wrong usage.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

constexpr Kind kKinds[] = {Kind::kSecret, Kind::kLocked, Kind::kOrdinary};
constexpr unsigned kSeconds = 30;  // An operation that takes longer hangs.

std::string scratch;

[[noreturn]] void Attempt(const Operation& operation, Kind kind, int out) {
  alarm(kSeconds);
  rlimit core;
  getrlimit(RLIMIT_CORE, &core);  // Fails for wrong arguments only.
  core.rlim_cur = 0;              // Aborts are results here, and leave no files.
  setrlimit(RLIMIT_CORE, &core);
  const Area area = MakeArea(kind);
  const std::string result = area.data == nullptr ? NotTried("no such memory (" + ErrorName() + ")")
                                                  : operation.attempt(area, operation.argument);
  const bool told = write(out, result.data(), result.size()) >= 0;
  _exit(told ? 0 : 1);
}

std::string ReadAll(int file) {
  std::string text;
  char buffer[256];
  for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

// A process group of its own: whatever the operation started ends with it.
std::string Try(const Operation& operation, Kind kind) {
  int ends[2];
  if (pipe(ends) != 0) return NotTried("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    close(ends[0]);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);  // glibc says why it aborts.
    Attempt(operation, kind, ends[1]);
  }
  if (child < 0) return NotTried("no process");
  setpgid(child, child);
  close(ends[1]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-child, SIGKILL);
  const std::string result = ReadAll(ends[0]);
  close(ends[0]);
  if (!WIFSIGNALED(status)) return result;
  if (WTERMSIG(status) == SIGALRM) return "hangs";
  return std::string("SIG") + sigabbrev_np(WTERMSIG(status));
}

void PrintRows(std::span<const Operation> operations) {
  for (const Operation& operation : operations) {
    printf("| %s |", operation.name);
    for (const Kind kind : kKinds) {
      fflush(stdout);  // So that no child has a piece of it to print.
      printf(" %s |", Try(operation, kind).c_str());
    }
    puts("");
  }
}

void PrintTable() {
  utsname name{};
  uname(&name);  // Fails for wrong addresses only.
  printf("Linux %s, user %u\n\n", name.release, geteuid());
  puts("| operation | secret | locked | ordinary |\n|---|---|---|---|");
  PrintRows(IoOperations());
  PrintRows(DirectOperations());
  PrintRows(UringOperations());
  PrintRows(WaitOperations());
  PrintRows(ObserverOperations());
  PrintRows(TracerOperations());
  PrintRows(DumpOperations());
  PrintRows(MappingOperations());
  PrintRows(AdviceOperations());
  PrintRows(FileOperations());
}

}  // namespace

std::string ErrorName(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? std::to_string(error) : name;
}

std::string NotTried(const std::string& why) { return "not tried: " + why; }

std::string Scratch(const std::string& name) { return scratch + "/" + name; }

int Main() {
  const char* base = getenv("TMPDIR");
  scratch = std::string(base == nullptr ? "/var/tmp" : base) + "/conformance.XXXXXX";
  if (mkdtemp(scratch.data()) == nullptr) {
    fprintf(stderr, "conformance: can't make %s: %s; set TMPDIR\n", scratch.c_str(),
            strerror(errno));
    return 2;
  }
  PrintTable();
  std::error_code ignored;  // What can't be removed is a temporary file.
  std::filesystem::remove_all(scratch, ignored);
  return 0;
}

}  // namespace secure_alloc::conformance

int main(int argc, char**) {
  if (argc > 1) {
    fputs("usage: conformance (no arguments; TMPDIR: where files are made)\n", stderr);
    return 2;
  }
  return secure_alloc::conformance::Main();
}
