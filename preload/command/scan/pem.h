// PEM (RFC 7468): the base64 text between "-----BEGIN LABEL-----" and "-----END LABEL-----".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "preload/command/common/private_pages.h"

namespace secure_alloc {

// One armoured part of a file. Views into the file's text.
struct PemSection {
  std::string_view label;               // "RSA PRIVATE KEY"
  bool encrypted = false;               // RFC 1421 headers say so
  std::vector<std::string_view> lines;  // base64, without line ends
};

enum class PemStatus { kFound, kEnd, kMalformed };

// The next section of `text`, which then begins behind it.
PemStatus NextPemSection(std::string_view* text, PemSection* section);

// The decoded size, or nothing if the lines are not strict base64: whole groups of four,
// padding only at the end, its spare bits zero. `out` holds at least 3/4 of the characters.
[[nodiscard]] bool DecodeBase64(const std::vector<std::string_view>& lines, uint8_t* out,
                                size_t* size);

}  // namespace secure_alloc
