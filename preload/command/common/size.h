// Sizes as people type them, in options of the command and of the library.
#pragma once

#include <string_view>

namespace secure_alloc {

// "256K", "2m", "1G" or bytes; false if it is none of these, or too large for the type.
bool ParseSize(std::string_view text, unsigned long long* bytes);

}  // namespace secure_alloc
