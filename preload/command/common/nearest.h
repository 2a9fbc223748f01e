// The known word that a mistyped one was meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace secure_alloc {

// Insertions, deletions, replacements and swaps of neighbours that lead from a to b.
size_t EditDistance(std::string_view a, std::string_view b);

// The nearest of `known`, or empty when none is near enough to be meant.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> known);

// ", did you mean NEAREST?" or empty: the tail of a message.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> known);

}  // namespace secure_alloc
