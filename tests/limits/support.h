// What the tests of limits and misuse share: facts that are counted, and programs that
// are run and watched.
//
//   Fact("a size-zero object can be freed", Run({"/proc/self/exe", "free-zero"}).exit == 0);
//   return Summary();
#pragma once

#include <string>
#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/unit/child.h"

namespace secure_alloc::test {

// Prints the sentence, marked by whether it holds; returns `holds`.
bool Fact(const std::string& sentence, bool holds);
// The process's exit status: 0 if every fact held, and there was one.
int Summary();

struct Outcome {
  int exit = -1;    // exit status, or -1: a signal ended it
  int signal = 0;   // that signal, or 0
  std::string err;  // what it wrote to its standard error

  // Ended by `signal_number` after one line of the library that holds `sentence`.
  bool Died(int signal_number, const std::string& sentence) const;
  std::string Describe() const;
};

// Runs a program in a new image, `variables` ("NAME=value") added to the environment: a
// forked child alone would not do, as the library writes only to the descriptor 2 it was
// started with. Programs that might hang set an alarm(2).
Outcome Run(const std::vector<std::string>& command,
            const std::vector<std::string>& variables = {});

// The protection of an address by secalloc_query, -1 if it is not in a live object.
int ProtectionOf(const void* address);

// A figure of /proc/self/status, in KiB; -1 if it is not there.
long StatusKib(const char* field);

}  // namespace secure_alloc::test
