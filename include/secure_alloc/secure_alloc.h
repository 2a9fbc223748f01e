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
  const char *domain; /* its name: "public", "secret" or a created one's; NULL if not ours */
  unsigned promoted;  /* SECALLOC_BY_...: made secret by secalloc_madvise, so; or 0 */
  int access;         /* of a live object: the PROT_... that secalloc_protect and, for this thread,
                         secalloc_domain_access leave; else -1 */
};

/* How well is this address protected? EINVAL: out is NULL. Of memory that is not ours the kernel is
 * asked (/proc/self/smaps: slow), which may be locked and nevertheless dumped; where it can't be
 * asked, or nothing is mapped, that is reported as plain, and dumped as not known. */
int secalloc_query(const void *addr, struct secalloc_info *out);

struct secalloc_stats {
  uint64_t budget_bytes;        /* most that secret and locked arenas and promotion may take */
  uint64_t arena_bytes;         /* in secret and locked arenas, and promoted, now */
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
  uint64_t faulted_pages;       /* of secret and locked arenas, faulted in by the library, ever */
  uint64_t domains;             /* for secrets, the standard one included */
  uint64_t promoted_bytes;      /* made secret in place by secalloc_madvise, now */
  uint64_t promotion_pool_bytes; /* faulted in, for promotions to come */
  uint64_t promotions;          /* calls that made memory secret, ever */
  uint64_t demotions;           /* calls that made it ordinary again, ever */
  uint64_t promotion_method;    /* SECALLOC_BY_...: of the next promotion; 0: none can be had */
  uint64_t protection_keys;     /* held by domains, see SECALLOC_DOMAIN_PKEY */
  uint64_t reserved[8];         /* zero */
};

/* EINVAL: out is NULL. */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* a function and a structure of one name, as stat(2) */
#endif
int secalloc_stats(struct secalloc_stats *out);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* What secalloc_madvise and secalloc_mark are to do: one of these ... */
#define SECALLOC_MADV_SECRET 1  /* make it secret; what is secret already stays so */
#define SECALLOC_MADV_NORMAL 2  /* make promoted memory ordinary again */
#define SECALLOC_MADV_WIPE 3    /* make it zero; its protection stays */
#define SECALLOC_MADV_RESERVE 4 /* addr NULL: have pages ready for a promotion of length bytes */
/* ... with any of these added: */
#define SECALLOC_EXACT 0x100    /* secalloc_mark: EINVAL if the object shares a page with others */
#define SECALLOC_UNSHARED 0x200 /* EBUSY if a child forked earlier still has the old pages */
/* ... and one of these, to ask for a method; else the first that can be had is taken: */
#define SECALLOC_BY_FAULTS 0x1000      /* others wait, in system calls too; takes a privilege */
#define SECALLOC_BY_USER_FAULTS 0x2000 /* others wait; system calls on it may give EFAULT */
#define SECALLOC_BY_STOPPING 0x3000    /* a signal stops others; system calls may give EINTR */

/* Changes the protection of memory that exists and is in use, as madvise(2): same address,
 * same contents, same mprotect(2) protection, while other threads read and write it.
 * addr and length are whole pages of private anonymous memory: heap, mmap, .bss, stacks.
 * The old pages are wiped before the kernel gets them back. All or nothing; a demotion that is
 * refused in the middle leaves what it has done. docs/promotion.md has the limits.
 *
 * EINVAL  not page-aligned, unknown advice; or memory that can't be promoted: shared, of a file,
 *         executable, locked by mlock(2); for _NORMAL: secret by other means than this call
 * ENOMEM  part of the range is not mapped; or no room for more mappings (vm.max_map_count)
 * EAGAIN  the budget, RLIMIT_MEMLOCK, RLIMIT_FSIZE or file descriptors are spent
 * EBUSY   not now: a thread's control block, a live stack, memory that the C library needs in
 *         a forked child, pinned for a device, watched by another userfaultfd; a thread that
 *         blocks the signal; _UNSHARED
 * EPERM   sealed by mseal(2)
 * EACCES  _WIPE on memory that is not writable
 * EOPNOTSUPP  no memfd_secret(2), or not by that method, on this kernel or in this sandbox */
int secalloc_madvise(void *addr, size_t length, int advice);

/* The same for the whole allocation that owns ptr, of this library or of malloc(3); of other
 * memory, the page that ptr lies in (where malloc is neither this library's nor the C library's,
 * ptr must be of it). Objects on the same pages come along, and secalloc_query says
 * so. A promoted object of this library is ordinary again after it is freed. */
int secalloc_mark(void *ptr, int advice);

/* Gives all idle secret and ordinary memory back to the kernel, the calling thread's caches
 * first; not what is reserved, nor secret pages in the same 64 KiB as one in use. A system without
 * secret memory in use can hibernate. */
int secalloc_trim(void);

/* Domains: secrets apart from others, with a limit and a policy of their own. Two domains
 * never share a page, and none can take what another has reserved. A domain's objects are
 * freed by secalloc_free, or free(3) under the preload library, in any thread. Where a
 * domain is expected NULL is the standard one, that of secalloc_malloc. */
typedef struct secalloc_domain secalloc_domain;

enum secalloc_fallback {
  SECALLOC_FALLBACK_DEFAULT = 0, /* as the option `fallback` says */
  SECALLOC_FALLBACK_LOCKED = 1,  /* locked memory where secret memory can't be had */
  SECALLOC_FALLBACK_NONE = 2,    /* secret memory or failure */
  SECALLOC_FALLBACK_PLAIN = 3    /* at last ordinary memory, outside of the domain */
};

enum secalloc_fork {
  SECALLOC_FORK_DEFAULT = 0, /* as the option `fork` says */
  SECALLOC_FORK_COPY = 1,    /* a child has its own copy */
  SECALLOC_FORK_DENY = 2,    /* a child faults on touching what its parent had */
  SECALLOC_FORK_SHARE = 3    /* a child has the same pages; it must not free its parent's objects */
};

/* For the flags of a domain: it can be closed and opened for each thread; see
 * secalloc_domain_access. */
#define SECALLOC_DOMAIN_PKEY 1u

struct secalloc_domain_config {
  const char *name; /* for secalloc_query and statistics; copied, at most 31 bytes of it */
  size_t quota;     /* most bytes of pages it may take of the budget; 0: no limit of its own */
  enum secalloc_fallback fallback;
  enum secalloc_fork fork;
  unsigned flags;       /* 0 or SECALLOC_DOMAIN_PKEY */
  uint64_t reserved[4]; /* 0 */
};

/* NULL with errno EINVAL: config or its name is NULL, or it holds unknown values; ENOMEM: no
 * memory; EPERM: growth is locked down. With SECALLOC_DOMAIN_PKEY, EOPNOTSUPP: the processor or the
 * kernel has no protection keys, or a sandbox refuses them; ENOSPC: all of them (15) are in use. */
secalloc_domain *secalloc_domain_create(const struct secalloc_domain_config *config);

/* Wipes all objects of the domain and gives their pages back at once. They must not be used
 * any more: freeing one ends the process. EINVAL: NULL; EPERM: after secalloc_lockdown. */
int secalloc_domain_destroy(secalloc_domain *domain);

/* As secalloc_malloc and so on, in the domain. secalloc_domain_realloc moves an object of any
 * other domain, or an ordinary one, into this one. */
void *secalloc_domain_malloc(secalloc_domain *domain, size_t size);
void *secalloc_domain_calloc(secalloc_domain *domain, size_t count, size_t size);
void *secalloc_domain_realloc(secalloc_domain *domain, void *ptr, size_t size);
void *secalloc_domain_aligned_alloc(secalloc_domain *domain, size_t alignment, size_t size);

/* Frees an object of this domain; one of another ends the process. */
void secalloc_domain_free(secalloc_domain *domain, void *ptr);

/* As secalloc_stats, of one domain: its quota for the budget. What is told of ordinary memory
 * is 0. EINVAL: out is NULL. */
int secalloc_domain_stats(secalloc_domain *domain, struct secalloc_stats *out);

/* An object with pages to itself, between guard pages: secalloc_protect works on it. 0, or one
 * flag: SECALLOC_AT_END puts it at the end of its pages, so that the first byte behind it
 * faults (behind the alignment's padding: 16 bytes, or what is asked for up to a page).
 * EINVAL: alignment is no power of two, unknown flag. */
#define SECALLOC_AT_END 1u
void *secalloc_domain_alloc_pages(secalloc_domain *domain, size_t alignment, size_t size,
                                  unsigned flags);

/* Access to an object with pages to itself: PROT_NONE, PROT_READ or PROT_READ|PROT_WRITE of
 * <sys/mman.h>, for all threads. Objects above 32767 bytes have pages to themselves. free and
 * realloc open an object first; while fork(2) copies, closed objects are accessible.
 * EINVAL: not the start of such an object, or another protection; ENOMEM: vm.max_map_count;
 * EPERM: after secalloc_lockdown. */
int secalloc_protect(void *ptr, int prot);

/* Closes a domain made with SECALLOC_DOMAIN_PKEY to the calling thread, or opens it: PROT_NONE,
 * PROT_READ or PROT_READ|PROT_WRITE. No system call is made: it is a register of the processor
 * (pkeys(7)). What a closed thread touches there is SIGSEGV with si_code SEGV_PKUERR; a system
 * call that would read or write it for the thread fails with EFAULT.
 *
 * The domain is open to the thread that makes it and closed to all others. A new thread begins
 * with its maker's access, a child of fork(2) with that of the thread that forked; a signal
 * handler begins with none, may open the domain, and what was before is back when it returns.
 *
 * A closed thread may allocate, free, resize, reserve and fork: the library opens the domain to
 * that thread meanwhile. Not closed is what fallback=plain puts into ordinary memory. The key is
 * given back when the domain is destroyed; threads that have the domain open then have the next
 * one with this key open as well. It stops mistakes and misled reads: code that an attacker runs
 * can open a domain, too. It works after secalloc_lockdown.
 *
 * EOPNOTSUPP: made without the flag, as the standard domain is; EINVAL: another protection. */
int secalloc_domain_access(secalloc_domain *domain, int prot);

/* What the calling thread may do: PROT_NONE, PROT_READ or PROT_READ|PROT_WRITE. */
int secalloc_domain_get_access(secalloc_domain *domain);

/* Takes memory now so that it is there later. After success the allocations named make no
 * system call, cause no page fault and do not fail; until then nothing changes. Pages stay with
 * the domain until it is destroyed. In the standard domain other threads may take what is
 * reserved, and keep up to 64 objects of a size (4 KiB) in their caches; a thread's first
 * allocation there makes its cache. A child of fork(2) starts without reservations.
 *
 * secalloc_reserve_objects: `count` objects of up to `size` bytes, besides those live now.
 * secalloc_reserve: objects of up to 32767 bytes, in any mix, that come to `bytes`, with a page
 * (4096 bytes, or what the kernel has) for each size in use. An object of n bytes counts n + 1
 * rounded up to a multiple of 16 (at least 32) up to 128, and above to a quarter of the power of
 * two below, though its slot may be smaller. 1.6 times as many pages are taken, and eight more.
 *
 * EAGAIN: quota, budget or RLIMIT_MEMLOCK; ENOMEM: no memory; EINVAL: size is 0; EOPNOTSUPP:
 * the policy asks for protection that this kernel can't give; EPERM: growth is locked down. */
int secalloc_reserve(secalloc_domain *domain, size_t bytes);
int secalloc_reserve_objects(secalloc_domain *domain, size_t count, size_t size);

/* Misuse of the heap (a double free, an overflow, a write after free ...) ends the process: one
 * line on standard error, then SIGABRT, which no handler of the program's sees. A fault handler is
 * called in between, once, in the thread that met the misuse: kind is the misuse in a few words,
 * such as "double free", caller the address that the call would have returned to, or NULL.
 *
 * The heap is damaged, and the thread may hold its locks: the handler must only do what a signal
 * handler may (signal-safety(7)), and neither allocate, free, fork nor leave by longjmp(3). It is
 * for a last message, or a flag in a file. When it returns the process is aborted.
 * NULL: no handler. EPERM: after secalloc_lockdown. */
typedef void (*secalloc_fault_handler)(const char *kind, const void *caller, void *context);
int secalloc_set_fault_handler(secalloc_fault_handler handler, void *context);

/* After start-up a program can give up what only an attacker would need. Nothing of it can be
 * undone; further calls add flags.
 *
 * SECALLOC_LOCKDOWN_MAPS: arenas of secrets, those made later too, can't be unmapped, moved,
 *   re-protected or mapped over (mseal(2), Linux 6.10). They stay until the process ends. Large
 *   objects made later have no guard pages. secalloc_protect and secalloc_domain_destroy fail:
 *   objects that are freed one by one are wiped, and their pages used again. Memory made secret by
 *   secalloc_madvise is not sealed, as its owner must be able to unmap it.
 * SECALLOC_LOCKDOWN_GROWTH: no arena of secrets is made any more, so that a sandbox may refuse
 *   or kill for every system call that it takes. What is reserved or free goes on being
 *   allocated, without a system call; behind it is NULL with ENOMEM, and no line on standard
 *   error; secalloc_madvise and secalloc_mark fail. fork(2) fails with EAGAIN while there are
 *   secrets that the child would get a copy of.
 * SECALLOC_LOCKDOWN_CALLS: this process and its children get EPERM for ptrace,
 *   process_vm_readv, process_vm_writev, process_madvise, pidfd_getfd, kcmp, bpf,
 *   perf_event_open, and for prctl(PR_SET_DUMPABLE) but to 0, which it is set to here: other
 *   processes of the user can't look in, and there are no core dumps. A seccomp filter with
 *   no_new_privs: setuid programs it executes get no privileges.
 * SECALLOC_LOCKDOWN_ONLY_WORK: besides, EPERM for every system call but those that work on open
 *   descriptors, memory, time, signals and locks takes: no file is opened, nothing is executed
 *   and no process or thread is made.
 *
 * EINVAL: no flag or an unknown one; EOPNOTSUPP: this kernel can't (nothing is changed then);
 * EBUSY: an object is closed by secalloc_protect; ENOMEM: not all could be done. */
#define SECALLOC_LOCKDOWN_MAPS 1u
#define SECALLOC_LOCKDOWN_GROWTH 2u
#define SECALLOC_LOCKDOWN_CALLS 4u
#define SECALLOC_LOCKDOWN_ONLY_WORK 8u
int secalloc_lockdown(unsigned flags);

#ifdef __cplusplus
}
#endif

#endif /* SECURE_ALLOC_SECURE_ALLOC_H_ */
