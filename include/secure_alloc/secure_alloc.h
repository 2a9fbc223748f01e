/* secure_alloc: memory allocation that keeps secrets.
 *
 * Memory from these functions lies in pages that the kernel itself can't read
 * (memfd_secret(2)): absent from /proc/PID/mem, ptrace(2), core dumps, swap and
 * the kernel's direct map. Where that can't be had, the policy decides: see
 * secure_alloc(7) and the option `fallback`.
 *
 * Units are bytes. Functions are thread-safe unless they say otherwise, none is
 * async-signal-safe. Functions that return int return 0, or -1 with errno set.
 * After fork(2) the child has its own copy of every object (option `fork`).
 */
#ifndef SECURE_ALLOC_SECURE_ALLOC_H_
#define SECURE_ALLOC_SECURE_ALLOC_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As malloc(3), calloc(3), realloc(3), aligned_alloc(3), from the secret domain.
 * Memory is zeroed when handed out, and wiped when it is freed or moved. NULL with
 * errno ENOMEM: the budget, RLIMIT_MEMLOCK or memory is spent, or the policy asks
 * for protection that this kernel can't give (one line on stderr says which).
 * secalloc_realloc also takes ordinary objects of malloc, and makes them secret. */
void *secalloc_malloc(size_t size);
void *secalloc_calloc(size_t count, size_t size);
void *secalloc_realloc(void *ptr, size_t size);
void *secalloc_aligned_alloc(size_t alignment, size_t size);

/* As free(3). A pointer that is not the start of a live object ends the process. Under
 * the preload library free(3) takes secret objects as well. errno is kept. */
void secalloc_free(void *ptr);

/* The size asked for; 0 for NULL. Memory behind it is not the caller's. */
size_t secalloc_usable_size(const void *ptr);

enum secalloc_protection {
  SECALLOC_PLAIN = 0,  /* ordinary memory */
  SECALLOC_LOCKED = 1, /* locked and kept out of core dumps; root can read it */
  SECALLOC_SECRET = 2  /* memfd_secret(2): nobody but this process can read it */
};

struct secalloc_info {
  enum secalloc_protection protection; /* in force for the page */
  int ours;           /* 1: in an arena of secure_alloc */
  int live;           /* 1: inside an allocated object */
  int dumped;         /* 1: the page would be in a core dump, 0: not, -1: not known */
  const void *object; /* start of that object, or NULL */
  size_t size;        /* size asked for that object, or 0 */
  const char *domain; /* "public" or "secret"; NULL if not ours */
};

/* How well is this address protected? EINVAL: out is NULL. Addresses that are not ours
 * are reported as plain. */
int secalloc_query(const void *addr, struct secalloc_info *out);

struct secalloc_stats {
  uint64_t budget_bytes;        /* most that secret and locked arenas may take */
  uint64_t arena_bytes;         /* in secret and locked arenas now */
  uint64_t high_water_bytes;    /* most there ever was of that */
  uint64_t secret_arenas;       /* arenas of memfd_secret(2) memory, and their bytes */
  uint64_t secret_bytes;
  uint64_t secret_used_bytes;   /* of those, in pages that are in use */
  uint64_t locked_arenas;       /* the same for the locked fallback */
  uint64_t locked_bytes;
  uint64_t locked_used_bytes;
  uint64_t degraded_arenas;     /* arenas that are less than the first choice */
  uint64_t degraded_allocations; /* objects that are ordinary by fallback=plain */
  uint64_t refused_allocations; /* secret allocations that failed */
  uint64_t unguarded_objects;   /* large objects without guard pages, ever */
  uint64_t fork_copied_pages;   /* copied for children, ever */
  uint64_t ordinary_bytes;      /* in slabs and large objects of the ordinary heap */
  uint64_t reserved[16];        /* zero */
};

/* EINVAL: out is NULL. */
int secalloc_stats(struct secalloc_stats *out);

/* Gives idle memory back to the kernel, the calling thread's caches first. */
int secalloc_trim(void);

#ifdef __cplusplus
}
#endif

#endif /* SECURE_ALLOC_SECURE_ALLOC_H_ */
