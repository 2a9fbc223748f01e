#include "preload/command/common/nearest.h"

#include <algorithm>
#include <vector>

namespace secure_alloc {

// Optimal string alignment: the table of all prefixes, three rows kept.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> two_ago(b.size() + 1), one_ago(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    two_ago.swap(one_ago);
    one_ago.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({one_ago[j] + 1, row[j - 1] + 1, one_ago[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_ago[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string_view Nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  // Something of the word has to stay: any letter is one change from any other.
  size_t best_distance = std::min(word.size(), std::max<size_t>(1, word.size() / 3) + 1);
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view nearest = Nearest(word, known);
  if (nearest.empty()) return "";
  return ", did you mean " + std::string(nearest) + "?";
}

}  // namespace secure_alloc
