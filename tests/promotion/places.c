/* Memory of every kind in a program that loads the API library itself: places LIBRARY. What it says
 * is the same with and without the preload library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "secure_alloc/secure_alloc.h"

enum { PAGE = 4096 };

static int (*madvise_secret)(void *, size_t, int);
static int (*mark)(void *, int);
static int (*query)(const void *, struct secalloc_info *);
static int (*stats)(struct secalloc_stats *);
static int failures;

static char bss[4 * PAGE];

static void *find(void *library, const char *name) {
  void *function = dlsym(library, name);
  if (function == NULL) {
    printf("FAILED %s: %s\n", name, dlerror());
    exit(1);
  }
  return function;
}

static void check(const char *what, int good) {
  printf("%s %s\n", good ? "ok    " : "FAILED", what);
  failures += !good;
}

static int is_secret(const void *address) {
  struct secalloc_info info;
  return query(address, &info) == 0 && info.protection == SECALLOC_SECRET;
}

/* Promotes, looks, demotes. */
static void try_pages(const char *what, char *pages, size_t size) {
  memset(pages, 'k', size);
  int good = madvise_secret(pages, size, SECALLOC_MADV_SECRET) == 0 && is_secret(pages) &&
             is_secret(pages + size - 1);
  for (size_t i = 0; i < size; ++i) good &= pages[i] == 'k';
  good &= madvise_secret(pages, size, SECALLOC_MADV_NORMAL) == 0 && !is_secret(pages);
  for (size_t i = 0; i < size; ++i) good &= pages[i] == 'k';
  check(what, good);
}

static void try_object(const char *what, size_t size) {
  char *object = malloc(size);
  memset(object, 'k', size);
  int good = mark(object, SECALLOC_MADV_SECRET) == 0 && is_secret(object) &&
             is_secret(object + size - 1);
  for (size_t i = 0; i < size; ++i) good &= object[i] == 'k';
  good &= mark(object, SECALLOC_MADV_WIPE) == 0;
  for (size_t i = 0; i < size; ++i) good &= object[i] == 0;
  check(what, good);
  free(object);
}

static void *on_a_threads_stack(void *unused) {
  (void)unused;
  char frame[12 * PAGE];
  char *pages = (char *)(((size_t)frame + 6 * PAGE) & ~(size_t)(PAGE - 1));
  struct secalloc_stats now;
  stats(&now);
  if (now.promotion_method == SECALLOC_BY_FAULTS) {
    try_pages("a thread's stack, above the frames in use", pages, 2 * PAGE);
  } else {
    check("a thread's stack: EBUSY",
          madvise_secret(pages, PAGE, SECALLOC_MADV_SECRET) == -1 && errno == EBUSY);
  }
  return NULL;
}

/* Thread-local storage that a library takes of the room that late ones share. */
static int measure(struct dl_phdr_info *module, size_t size, void *unused) {
  (void)size, (void)unused;
  if (strstr(module->dlpi_name, "libsecure_alloc") == NULL) return 0;
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
    if (segment->p_type == PT_TLS) check("at most 64 bytes of static TLS", segment->p_memsz <= 64);
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    printf("FAILED %s\n", dlerror());
    return 1;
  }
  madvise_secret = (int (*)(void *, size_t, int))find(library, "secalloc_madvise");
  mark = (int (*)(void *, int))find(library, "secalloc_mark");
  query = (int (*)(const void *, struct secalloc_info *))find(library, "secalloc_query");
  stats = (int (*)(struct secalloc_stats *))find(library, "secalloc_stats");
  try_pages(".bss", (char *)(((size_t)bss + PAGE - 1) & ~(size_t)(PAGE - 1)), 2 * PAGE);
  char *mapped = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  try_pages("mmap", mapped + PAGE, 3 * PAGE);
  try_object("malloc of 100 bytes", 100);
  try_object("malloc of 10000 bytes", 10000);
  try_object("malloc of 1 MiB", 1 << 20);
  pthread_t thread;
  pthread_create(&thread, NULL, on_a_threads_stack, NULL);
  pthread_join(thread, NULL);
  dl_iterate_phdr(measure, NULL);
  /* Its fork handlers and registry must outlive the handle. */
  madvise_secret(mapped, PAGE, SECALLOC_MADV_SECRET);
  dlclose(library);
  dlclose(library);
  check("it can't be unloaded",
        dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD) != NULL && is_secret(mapped));
  return failures > 0;
}
