// One case of the property table with whatever malloc the program has: compare.sh preloads
// them. Nothing of secure_alloc is linked.
//
//   misuse                 the cases and tiers, a line each: NUMBER SIZE NAME
//   misuse NUMBER SIZE     runs one. Caught: a signal, or exit status 0 where a property holds
#include <stdio.h>
#include <stdlib.h>

#include "tests/death/cases.h"

namespace secure_alloc::test {

void* Setting::Allocate(size_t bytes) const { return malloc(bytes); }
void* Setting::AllocateArray(size_t count, size_t bytes) const { return calloc(count, bytes); }

namespace {

int List() {
  for (size_t number = 0; const Case* const one = FindCase(number); ++number) {
    for (const size_t size : kTiers) printf("%zu %zu %s\n", number, size, one->name);
  }
  return 0;
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  if (count == 1) return List();
  const Case* const one = FindCase(strtoul(arguments[1], nullptr, 10));
  if (count != 3 || one == nullptr) return 2;
  return RunCase(*one, {strtoul(arguments[2], nullptr, 10), Home::kPublic});
}
