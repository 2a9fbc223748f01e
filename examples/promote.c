/* A key inside a struct that somebody else's library allocated becomes secret where it lies, while
 * threads use it:
 *
 *   promote SECALLOC KEY-FILE
 *
 * SECALLOC is the secalloc command, which looks for the key from outside, before and after.
 * Link with -lsecure_alloc, or run it under the preload library. Exits with 0 if the key was
 * visible before, is hidden now, and no thread noticed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "examples/vault.h"
#include "secure_alloc/secure_alloc.h"

enum { THREADS = 4 };

static atomic_int stop;

struct user {
  pthread_t thread;
  struct vault *vault;
  unsigned checksum; /* of the key */
  unsigned long uses;
  unsigned long wrong;
};

/* Reads the key and writes the counter beside it. */
static void *use_key(void *argument) {
  struct user *user = argument;
  while (!atomic_load(&stop)) {
    user->wrong += vault_use(user->vault) != user->checksum;
    ++user->uses;
  }
  return NULL;
}

/* The exit status of `secalloc scan` on this process: 1 the key is visible, 0 it is not. */
static int scan(const char *secalloc, const char *key_file) {
  char pid[32];
  snprintf(pid, sizeof pid, "%ld", (long)getpid());
  pid_t child = fork();
  if (child == 0) {
    execl(secalloc, secalloc, "scan", pid, "--raw", key_file, (char *)NULL);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

static int report(int good, const char *sentence) {
  printf("%s %s\n", good ? "ok    " : "FAILED", sentence);
  fflush(stdout);
  return good;
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: promote SECALLOC KEY-FILE\n");
    return 2;
  }
  struct vault *vault = vault_open(arguments[2]);
  if (vault == NULL) {
    perror(arguments[2]);
    return 2;
  }
  struct user users[THREADS] = {0};
  unsigned checksum = vault_use(vault);
  for (int i = 0; i < THREADS; ++i) {
    users[i].vault = vault;
    users[i].checksum = checksum;
    if (pthread_create(&users[i].thread, NULL, use_key, &users[i]) != 0) return 2;
  }
  int good = report(scan(arguments[1], arguments[2]) == 1, "the key is visible before");

  /* All it takes. The struct's neighbours on its pages come along. */
  if (secalloc_mark(vault, SECALLOC_MADV_SECRET) != 0) {
    perror("secalloc_mark");
    return 1;
  }

  struct secalloc_info info;
  secalloc_query(vault, &info);
  good &= report(info.protection == SECALLOC_SECRET, "secalloc_query says it is secret");
  good &= report(scan(arguments[1], arguments[2]) == 0, "the key is hidden, the scan not blind");

  atomic_store(&stop, 1);
  unsigned long uses = 1, wrong = 0;
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(users[i].thread, NULL);
    uses += users[i].uses;
    wrong += users[i].wrong;
  }
  good &= report(wrong == 0, "every thread read the right key");
  good &= report(uses == vault_uses(vault), "no count is lost");
  vault_close(vault);
  return !good;
}
