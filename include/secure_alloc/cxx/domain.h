// Domains as objects, and the memory that all types here are made of. Part of
// secure_alloc/secret.h.
//
//   secure_alloc::domain keys("keys", {.quota = 1 << 20});     // C++20; or set members one by one
//   auto key = secure_alloc::make_secret_in<Key>(keys);
//   secure_alloc::memory_resource resource(keys);              // for std::pmr containers
//
// A domain ends with its object: what it holds is wiped and gone. Declare it before what lives in
// it.
#ifndef SECURE_ALLOC_CXX_DOMAIN_H_
#define SECURE_ALLOC_CXX_DOMAIN_H_

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {
namespace detail {

[[noreturn]] inline void end(const char* sentence) noexcept {
  std::fputs(sentence, stderr);
  std::abort();
}

// The world said no.
[[noreturn]] inline void refuse() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  end("secure_alloc: secret memory is spent or refused, and this program has no exceptions\n");
#endif
}

[[nodiscard]] inline void* or_refuse(void* memory) {
  if (memory == nullptr) refuse();
  return memory;
}

// Null with errno if there is none. The alignment is a power of two. Without a domain, the
// standard one.
[[nodiscard]] inline void* try_allocate(std::size_t size, std::size_t alignment,
                                        secalloc_domain* domain = nullptr) noexcept {
  return alignment <= alignof(std::max_align_t)
             ? secalloc_domain_malloc(domain, size)
             : secalloc_domain_aligned_alloc(domain, alignment, size);
}

}  // namespace detail

struct domain_options {
  std::size_t quota = 0;  // most bytes of pages; 0: no limit of its own
  enum secalloc_fallback fallback = SECALLOC_FALLBACK_DEFAULT;
  enum secalloc_fork fork = SECALLOC_FORK_DEFAULT;
  bool keyed = false;  // SECALLOC_DOMAIN_PKEY: can be closed for each thread; see domain_window.h
};

// Moved, not copied; a moved-from domain may only be assigned to or destroyed.
class domain {
 public:
  explicit domain(const char* name, const domain_options& options = {})
      : domain_(try_create(name, options)) {
    if (domain_ == nullptr) detail::refuse();
  }

  secalloc_domain* get() const noexcept { return domain_.get(); }

  // As secalloc_reserve and secalloc_reserve_objects; false with errno.
  [[nodiscard]] bool try_reserve(std::size_t bytes) noexcept {
    return secalloc_reserve(get(), bytes) == 0;
  }
  [[nodiscard]] bool try_reserve_objects(std::size_t count, std::size_t size) noexcept {
    return secalloc_reserve_objects(get(), count, size) == 0;
  }

  // The calling thread's access, as secalloc_domain_access has it. That of a domain made without
  // `keyed` can't be changed: set_access and close refuse, try_set_access is false with errno.
  int access() const noexcept { return secalloc_domain_get_access(get()); }
  [[nodiscard]] bool try_set_access(int protection) const noexcept {
    return secalloc_domain_access(get(), protection) == 0;
  }
  void set_access(int protection) const {
    if (!try_set_access(protection)) detail::refuse();
  }
  void close() const { set_access(0); }  // PROT_NONE

 private:
  struct Destroy {
    void operator()(secalloc_domain* domain) const noexcept { secalloc_domain_destroy(domain); }
  };

  static secalloc_domain* try_create(const char* name, const domain_options& options) noexcept {
    struct secalloc_domain_config config = {};
    config.name = name;
    config.quota = options.quota;
    config.fallback = options.fallback;
    config.fork = options.fork;
    config.flags = options.keyed ? SECALLOC_DOMAIN_PKEY : 0;
    return secalloc_domain_create(&config);
  }

  std::unique_ptr<secalloc_domain, Destroy> domain_;
};

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_DOMAIN_H_
