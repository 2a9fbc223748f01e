/* A program that keeps its key in libsodium's own protected memory: sodium KEY
 * The crypto preload library moves that memory to the secret domain; the program stays as it is. */
#include <sodium.h>

#include "examples/adapters/key_file.h"

int main(int count, char **arguments) {
  size_t size;
  if (count < 2 || sodium_init() < 0) return 2;
  char *const key = read_key(arguments[1], sodium_malloc, &size);
  if (key == NULL) return 1;
  hold_still();
  sodium_free(key);
  return 0;
}
