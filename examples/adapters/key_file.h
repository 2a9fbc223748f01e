/* What the examples in C share: a key file's content in memory of the caller's choice, read without
 * a buffer between (stdio's would keep a copy), and a way to hold still while somebody looks. */
#ifndef EXAMPLES_ADAPTERS_KEY_FILE_H_
#define EXAMPLES_ADAPTERS_KEY_FILE_H_

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum { kMostKeyBytes = 16384 };

/* Null, with a message, if the file can't be read. */
static inline char *read_key(const char *path, void *(*allocate)(size_t), size_t *size) {
  char *const bytes = allocate(kMostKeyBytes);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = bytes == NULL || file < 0 ? -1 : read(file, bytes, kMostKeyBytes);
  if (file >= 0) close(file);
  if (got < 0) {
    perror(path);
    return NULL;
  }
  *size = (size_t)got;
  return bytes;
}

/* Until standard input ends. */
static inline void hold_still(void) {
  char byte;
  puts("ready");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

#endif /* EXAMPLES_ADAPTERS_KEY_FILE_H_ */
