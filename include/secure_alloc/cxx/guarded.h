// guarded<T>: a secret that even its own process can't touch, but in a window: while a callable
// has it. Part of secure_alloc/secret.h.
//
// It has pages to itself between guard pages (secalloc_domain_alloc_pages), inaccessible at rest:
// an over-read or a stray pointer faults. access() opens them, for reading only if the object is
// const, and closes them when the callable returns or throws. A window costs two system calls.
//
// Windows are open for all threads. They nest, in one thread; access by several threads at once
// must be locked by the caller, reading as well. Not to be moved within a window.
#ifndef SECURE_ALLOC_CXX_GUARDED_H_
#define SECURE_ALLOC_CXX_GUARDED_H_

#include <sys/mman.h>

#include <utility>

#include "secure_alloc/cxx/holder.h"

namespace secure_alloc {

template <typename T>
class [[nodiscard]] guarded {
 public:
  guarded() noexcept = default;  // empty

  // A value of these arguments. The pages are closed once it is made.
  template <typename... Arguments>
  explicit guarded(std::in_place_t, Arguments&&... arguments)
      : guarded(nullptr, std::forward<Arguments>(arguments)...) {}
  template <typename... Arguments>
  explicit guarded(const domain& home, std::in_place_t, Arguments&&... arguments)
      : guarded(home.get(), std::forward<Arguments>(arguments)...) {}

  guarded(guarded&& other) noexcept = default;
  guarded& operator=(guarded&& other) noexcept {
    if (this != &other) {
      open_to_destroy();
      value_ = std::move(other.value_);
    }
    return *this;
  }
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  ~guarded() { open_to_destroy(); }

  explicit operator bool() const noexcept { return static_cast<bool>(value_); }

  // As secret<T>::access, in a window.
  template <typename Callable>
  auto access(Callable&& callable) {
    const window opened(*this, PROT_READ | PROT_WRITE);
    return value_.access(std::forward<Callable>(callable));
  }
  template <typename Callable>
  auto access(Callable&& callable) const {
    const window opened(*this, PROT_READ);
    return value_.access(std::forward<Callable>(callable));
  }

  // As those of secret<T>.
  friend bool operator==(const guarded& left, const guarded& right) {
    const window left_opened(left, PROT_READ), right_opened(right, PROT_READ);
    return left.value_ == right.value_;
  }
  friend bool operator!=(const guarded& left, const guarded& right) { return !(left == right); }

  template <typename Stream>
  friend Stream& operator<<(Stream&, const guarded&) = delete;

 private:
  // Widens the access for its lifetime; what was open before stays so.
  class window {
   public:
    window(const guarded& value, int protection) : value_(value), before_(value.open_) {
      if (value && !value.try_set(before_ | protection)) detail::refuse();
    }
    window(const window&) = delete;
    window& operator=(const window&) = delete;
    ~window() {
      if (value_ && !value_.try_set(before_)) {
        detail::end("secure_alloc: a window on a secret can't be closed\n");
      }
    }

   private:
    const guarded& value_;
    int before_;
  };

  template <typename... Arguments>
  explicit guarded(secalloc_domain* home, Arguments&&... arguments)
      : value_(detail::or_refuse(secalloc_domain_alloc_pages(home, alignof(T), sizeof(T),
                                                             SECALLOC_AT_END)),
               std::forward<Arguments>(arguments)...),
        open_(PROT_READ | PROT_WRITE) {
    if (!try_set(PROT_NONE)) detail::refuse();
  }

  bool try_set(int protection) const noexcept {
    if (protection != open_ && secalloc_protect(value_.value_.get(), protection) != 0) return false;
    open_ = protection;
    return true;
  }

  void open_to_destroy() noexcept {
    if (value_ && !try_set(PROT_READ | PROT_WRITE)) {
      detail::end("secure_alloc: a secret can't be opened to destroy it\n");
    }
    value_ = secret<T>();
    open_ = PROT_NONE;
  }

  secret<T> value_;
  mutable int open_ = PROT_NONE;
};

template <typename T, typename... Arguments>
guarded<T> make_guarded(Arguments&&... arguments) {
  return guarded<T>(std::in_place, std::forward<Arguments>(arguments)...);
}

template <typename T, typename... Arguments>
guarded<T> make_guarded_in(const domain& home, Arguments&&... arguments) {
  return guarded<T>(home, std::in_place, std::forward<Arguments>(arguments)...);
}

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_GUARDED_H_
