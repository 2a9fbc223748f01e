// Prints the table of options as a document: print_options markdown|mdoc
#include <cstdio>
#include <cstring>

#include "allocator/domain/options.h"

namespace {

using secure_alloc::kOptionCount;
using secure_alloc::kOptionHelp;

constexpr char kMarkdown[] = R"(# Options

`secalloc run --NAME=VALUE`, or `SECALLOC_OPTIONS="name=value,name=value"` with `LD_PRELOAD`; lists
inside a value are separated by `:`. Where values are named, the first is the default. Ignored for
setuid programs. What is not understood is one line on standard error and changes nothing.

| option | values | meaning |
|---|---|---|
)";

void PrintMarkdown() {
  std::fputs(kMarkdown, stdout);
  for (size_t i = 0; i < kOptionCount; ++i) {
    const auto& option = kOptionHelp[i];
    std::printf("| `%s` | %s | %s |\n", option.name, option.values, option.help);
  }
}

void PrintMdoc() {
  for (size_t i = 0; i < kOptionCount; ++i) {
    const auto& option = kOptionHelp[i];
    std::printf(".It Cm %s\n\\&%s:\n\\&%s.\n", option.name, option.values, option.help);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::strcmp(arguments[1], "markdown") == 0) {
    PrintMarkdown();
  } else if (count == 2 && std::strcmp(arguments[1], "mdoc") == 0) {
    PrintMdoc();
  } else {
    std::fputs("usage: print_options markdown|mdoc\n", stderr);
    return 2;
  }
  return 0;
}
