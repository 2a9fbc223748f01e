// Ends what a library made before any other code ran.
#include <stdio.h>

struct Early {
  int* object;
  int* array;
};

extern Early early;

int main() {
  delete early.object;
  delete[] early.array;
  puts("both ended");
  return 0;
}
