#include "preload/command/scan/pem.h"

namespace secure_alloc {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";

// The next line without its end and without blanks at its end.
bool NextLine(std::string_view* text, std::string_view* line) {
  if (text->empty()) return false;
  const size_t end = text->find('\n');
  *line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  while (!line->empty() && (line->back() == '\r' || line->back() == ' ' || line->back() == '\t')) {
    line->remove_suffix(1);
  }
  return true;
}

bool Boundary(std::string_view line, std::string_view prefix, std::string_view* label) {
  const bool fits = line.size() >= prefix.size() + kDashes.size();
  if (!fits || !line.starts_with(prefix) || !line.ends_with(kDashes)) return false;
  *label = line.substr(prefix.size(), line.size() - prefix.size() - kDashes.size());
  return true;
}

// Arithmetic instead of a table: what is looked up leaves no trace in the cache or on the stack.
int Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

PemStatus NextPemSection(std::string_view* text, PemSection* section) {
  *section = {};
  std::string_view line, label;
  do {
    if (!NextLine(text, &line)) return PemStatus::kEnd;
  } while (!Boundary(line, kBegin, &section->label));

  bool in_header = false;
  while (NextLine(text, &line)) {
    if (Boundary(line, kEnd, &label)) {
      return label == section->label ? PemStatus::kFound : PemStatus::kMalformed;
    }
    if (line.find(':') != std::string_view::npos) {
      in_header = true;
      if (line.find("ENCRYPTED") != std::string_view::npos) section->encrypted = true;
    } else if (line.empty()) {
      in_header = false;
    } else if (!in_header) {  // Inside the headers: a folded line.
      section->lines.push_back(line);
    }
  }
  return PemStatus::kMalformed;  // No END line.
}

bool DecodeBase64(const std::vector<std::string_view>& lines, uint8_t* out, size_t* size) {
  unsigned bits = 0;
  size_t characters = 0, padding = 0, written = 0;
  for (const std::string_view line : lines) {
    for (const char c : line) {
      ++characters;
      if (c == '=') {
        ++padding;
        continue;
      }
      const int value = Value(c);
      if (value < 0 || padding > 0) return false;
      bits = (bits << 6 | static_cast<unsigned>(value)) & 0xfff;
      switch (characters % 4) {
        case 2:
          out[written++] = static_cast<uint8_t>(bits >> 4);
          break;
        case 3:
          out[written++] = static_cast<uint8_t>(bits >> 2);
          break;
        case 0:
          out[written++] = static_cast<uint8_t>(bits);
          break;
      }
    }
  }
  if (characters % 4 != 0 || padding > 2) return false;
  const unsigned spare = padding == 0 ? 0 : bits & (padding == 1 ? 0x3u : 0xfu);
  *size = written;
  return characters > 0 && spare == 0;
}

}  // namespace secure_alloc
