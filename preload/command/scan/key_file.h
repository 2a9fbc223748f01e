// Fills needles from key files. The file's bytes, and all that is made of them on the way,
// live in PrivatePages and are wiped before these functions return.
#pragma once

#include <string>

#include "preload/command/scan/needles.h"

namespace secure_alloc {

// Every private key of a PEM or DER file: its numbers in either byte order, and, if it is
// PEM, its text with the lines ended as on any system or joined.
[[nodiscard]] bool AddKeyFile(const std::string& path, Needles* needles, std::string* error);

// The file's bytes as they are.
[[nodiscard]] bool AddRawFile(const std::string& path, Needles* needles, std::string* error);

}  // namespace secure_alloc
