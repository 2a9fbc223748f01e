#include "preload/command/common/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace secure_alloc {
namespace {

std::string FormatList(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = vsnprintf(nullptr, 0, format, arguments);
  std::string text(static_cast<size_t>(length), '\0');
  vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return text;
}

void Say(const std::string& text) { fprintf(stderr, "secalloc: %s\n", text.c_str()); }

}  // namespace

std::string Format(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string text = FormatList(format, arguments);
  va_end(arguments);
  return text;
}

void Complain(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Say(FormatList(format, arguments));
  va_end(arguments);
}

void Die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Say(FormatList(format, arguments));
  va_end(arguments);
  exit(kExitBlind);
}

int FinishOutput(int status) {
  const bool written = ferror(stdout) == 0;
  if (fflush(stdout) == 0 && written) return status;
  Complain("the answer can't be written to standard output: %s",
           written ? ErrnoText(errno).c_str() : "it failed before");
  return kExitBlind;
}

std::string ErrnoText(int error) {
  const char* name = strerrorname_np(error);
  return Format("%s (%s)", name == nullptr ? "?" : name, strerror(error));
}

std::string HumanBytes(unsigned long long bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return Format(unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
}

std::string Paint(int fd, Color color, std::string_view text) {
  static constexpr const char* kCodes[] = {"\033[32m", "\033[33m", "\033[31m", "\033[1m"};
  const char* no_color = getenv("NO_COLOR");
  const char* terminal = getenv("TERM");
  const bool unwanted = no_color != nullptr && *no_color != '\0';
  const bool unable = isatty(fd) == 0 || terminal == nullptr || strcmp(terminal, "dumb") == 0;
  if (unwanted || unable) return std::string(text);
  return kCodes[static_cast<size_t>(color)] + std::string(text) + "\033[0m";
}

}  // namespace secure_alloc
