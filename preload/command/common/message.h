// Messages of the command on standard error, and the exit codes that go with them.
#pragma once

#include <string>
#include <string_view>

namespace secure_alloc {

inline constexpr int kExitUsage = 2;
inline constexpr int kExitBlind = 3;
inline constexpr int kExitRefused = 126;  // As a shell says: found, but not run.
inline constexpr int kExitNotFound = 127;

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

// "secalloc: TEXT" and a new line, on standard error.
[[gnu::format(printf, 1, 2)]] void Complain(const char* format, ...);
[[noreturn, gnu::format(printf, 1, 2)]] void Die(const char* format, ...);

// The status, or kExitBlind and a message if standard output did not take all that was printed: an
// answer that is cut short must not pass for one. The last thing a command does.
int FinishOutput(int status);

// "EACCES (Permission denied)".
std::string ErrnoText(int error);

// 1536 -> "1.5 KiB".
std::string HumanBytes(unsigned long long bytes);

enum class Color { kGreen, kYellow, kRed, kBold };
// The text in that colour if `fd` is a terminal that has colours, and NO_COLOR is unset or empty;
// else as it is.
std::string Paint(int fd, Color color, std::string_view text);

}  // namespace secure_alloc
