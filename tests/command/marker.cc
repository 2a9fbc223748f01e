// A library to preload that tells that it was.
#include <unistd.h>

[[gnu::constructor]] static void Tell() {
  static constexpr char kText[] = "marker preloaded\n";
  // If nobody listens, the test that looks for the text fails.
  if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0) return;
}
