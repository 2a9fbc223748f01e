// Files, commands and random bytes for the tests of the command.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "preload/command/common/private_pages.h"

namespace secure_alloc::testing {

using Bytes = std::vector<uint8_t>;

// A path in the test's own folder.
std::string TempPath(const std::string& name);
std::string WriteFile(const std::string& name, const std::string& contents);
std::string ReadFile(const std::string& path);

// Runs it with the shell; a command that fails fails the test.
void Shell(const std::string& command);

// Seeded anew in each run; the seed is printed.
std::mt19937_64& Random();
Bytes RandomBytes(size_t size);

inline ByteView View(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace secure_alloc::testing
