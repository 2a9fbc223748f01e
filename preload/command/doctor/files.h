// The files that the kernel tells of itself in. Tests give their own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace secure_alloc {

using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

// A file's text without its last new line; `otherwise` if it can't be read.
std::string Line(const FileReader& read, const std::string& path, const std::string& otherwise);

// "Name:  value" of a text such as /proc/self/status; empty if it isn't there.
std::string Field(std::string_view text, std::string_view name);

}  // namespace secure_alloc
