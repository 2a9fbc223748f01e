#include "tests/limits/support.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

extern char** environ;

namespace secure_alloc::test {
namespace {

int facts = 0;
int broken = 0;

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string ReadAll(int file) {
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = read(file, piece, sizeof piece)) > 0;) text.append(piece, n);
  return text;
}

}  // namespace

bool Fact(const std::string& sentence, bool holds) {
  ++facts;
  broken += !holds;
  printf("%s %s\n", holds ? "ok    " : "FAILED", sentence.c_str());
  fflush(stdout);
  return holds;
}

int Summary() {
  printf("%d facts, %d failed\n", facts, broken);
  return facts > 0 && broken == 0 ? 0 : 1;
}

bool Outcome::Died(int signal_number, const std::string& sentence) const {
  return signal == signal_number && err.rfind("secure_alloc: ", 0) == 0 &&
         err.find(sentence) != std::string::npos && std::count(err.begin(), err.end(), '\n') == 1;
}

std::string Outcome::Describe() const {
  std::string text = signal != 0 ? std::string("signal ") + strsignal(signal)
                                 : "exit status " + std::to_string(exit);
  if (!err.empty()) text += ", stderr: " + err.substr(0, err.find('\n'));
  return text;
}

Outcome Run(const std::vector<std::string>& command, const std::vector<std::string>& variables) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  std::vector<char*> environment = Pointers(variables);
  environment.pop_back();
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  pid_t child;
  const int error = posix_spawnp(&child, command[0].c_str(), &actions, nullptr,
                                 Pointers(command).data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Outcome outcome;
  if (error == 0) {
    outcome.err = ReadAll(ends[0]);
    const int status = EndOf(child);
    outcome.exit = status >= 0 ? status : -1;
    outcome.signal = status < 0 ? -status : 0;
  }
  close(ends[0]);
  return outcome;
}

int ProtectionOf(const void* address) {
  struct secalloc_info info;
  if (secalloc_query(address, &info) != 0 || info.live == 0) return -1;
  return info.protection;
}

long StatusKib(const char* field) {
  FILE* const file = fopen("/proc/self/status", "re");
  if (file == nullptr) return -1;
  char line[256];
  long value = -1;
  const size_t length = strlen(field);
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, field, length) == 0 && line[length] == ':') value = atol(line + length + 1);
  }
  fclose(file);
  return value;
}

}  // namespace secure_alloc::test
