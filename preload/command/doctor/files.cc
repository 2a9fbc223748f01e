#include "preload/command/doctor/files.h"

namespace secure_alloc {

std::string Line(const FileReader& read, const std::string& path, const std::string& otherwise) {
  std::string text = read(path).value_or(otherwise);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string Field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return std::string(line);
  }
  return "";
}

}  // namespace secure_alloc
