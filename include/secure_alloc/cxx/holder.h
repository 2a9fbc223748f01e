// secret<T>: one value in secret memory. Part of secure_alloc/secret.h.
//
//   auto key = secure_alloc::make_secret<Key>();
//   key.access([&](Key& bytes) { fill(bytes); });
//   auto tag = key.access([&](const Key& bytes) { return sign(bytes, message); });
//
// It is moved, never copied; a moved-from secret is empty. Not printed, not ordered, not hashed;
// compared in constant time, where equal values are equal bytes. The value is destroyed and its
// memory wiped with the secret.
//
// Not refused, as it can't be seen: a value that is copied in from ordinary memory (that one is the
// caller's to wipe), or T's own pointers to ordinary memory.
#ifndef SECURE_ALLOC_CXX_HOLDER_H_
#define SECURE_ALLOC_CXX_HOLDER_H_

#include <memory>
#include <type_traits>
#include <utility>

#include "secure_alloc/cxx/callable.h"
#include "secure_alloc/cxx/equal.h"
#include "secure_alloc/cxx/memory.h"

namespace secure_alloc {

template <typename T>
class [[nodiscard]] secret {
  static_assert(std::is_object_v<T> && !std::is_array_v<T>,
                "secure_alloc::secret: T is an object; for arrays std::array or vector");
  static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
                "secure_alloc::secret: T is neither const nor volatile");
  static_assert(detail::is_self_contained<T>,
                "secure_alloc::secret: T's content would lie in ordinary memory; use "
                "secure_alloc::string, vector or allocator within it");

 public:
  secret() noexcept = default;  // empty

  // A value of these arguments, T(arguments...); without any it is value-initialized.
  template <typename... Arguments>
  explicit secret(std::in_place_t, Arguments&&... arguments)
      : secret(memory_in(nullptr), std::forward<Arguments>(arguments)...) {}
  template <typename... Arguments>
  explicit secret(const domain& home, std::in_place_t, Arguments&&... arguments)
      : secret(memory_in(home.get()), std::forward<Arguments>(arguments)...) {}

  // The same; empty, with errno, if there is no memory.
  template <typename... Arguments>
  static secret try_make(Arguments&&... arguments) {
    void* const memory = detail::try_allocate(sizeof(T), alignof(T));
    return memory == nullptr ? secret() : secret(memory, std::forward<Arguments>(arguments)...);
  }

  secret(secret&& other) noexcept = default;
  secret& operator=(secret&& other) noexcept = default;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;

  explicit operator bool() const noexcept { return value_ != nullptr; }

  // Calls it with the value; returns what it returns, which must be neither a reference, a
  // pointer nor the value. Without a value the program ends.
  template <typename Callable>
  auto access(Callable&& callable) {
    return call<T&>(std::forward<Callable>(callable));
  }
  template <typename Callable>
  auto access(Callable&& callable) const {
    return call<const T&>(std::forward<Callable>(callable));
  }

  // In constant time. Empty secrets equal each other alone.
  friend bool operator==(const secret& left, const secret& right) noexcept {
    static_assert(detail::compared_by_bytes<T>,
                  "secure_alloc::secret: T's equal values need not be equal bytes; compare "
                  "within access()");
    if (!left || !right) return !left && !right;
    return secure_alloc::equal(static_cast<const void*>(left.value_.get()),
                               static_cast<const void*>(right.value_.get()), sizeof(T));
  }
  friend bool operator!=(const secret& left, const secret& right) noexcept {
    return !(left == right);
  }

  template <typename Stream>
  friend Stream& operator<<(Stream&, const secret&) = delete;

 private:
  template <typename>
  friend class guarded;

  static void* memory_in(secalloc_domain* home) {
    return detail::or_refuse(detail::try_allocate(sizeof(T), alignof(T), home));
  }

  struct Destroy {
    void operator()(T* value) const noexcept {
      value->~T();
      secalloc_free(value);
    }
  };
  struct Free {
    void operator()(void* memory) const noexcept { secalloc_free(memory); }
  };

  template <typename... Arguments>
  explicit secret(void* memory, Arguments&&... arguments) {
    std::unique_ptr<void, Free> guard(memory);  // T's constructor may throw.
    value_.reset(::new (memory) T(std::forward<Arguments>(arguments)...));
    guard.release();
  }

  template <typename Reference, typename Callable>
  auto call(Callable&& callable) const {
    static_assert(std::is_invocable_v<Callable, Reference>,
                  "secure_alloc::secret: the callable takes the value by reference; that of a "
                  "const secret by const reference");
    static_assert(!detail::takes_copy<std::decay_t<Callable>>::value,
                  "secure_alloc::secret: the callable would copy the value: let it take a "
                  "reference");
    using Result = std::invoke_result_t<Callable, Reference>;
    static_assert(!std::is_reference_v<Result> && !std::is_pointer_v<Result>,
                  "secure_alloc::secret: a reference or pointer would outlive the access");
    static_assert(!std::is_same_v<std::remove_cv_t<Result>, T>,
                  "secure_alloc::secret: the value would be copied out to ordinary memory");
    if (value_ == nullptr) detail::end("secure_alloc: access to an empty secret\n");
    return std::forward<Callable>(callable)(static_cast<Reference>(*value_));
  }

  std::unique_ptr<T, Destroy> value_;
};

template <typename T, typename... Arguments>
secret<T> make_secret(Arguments&&... arguments) {
  return secret<T>(std::in_place, std::forward<Arguments>(arguments)...);
}

template <typename T, typename... Arguments>
secret<T> make_secret_in(const domain& home, Arguments&&... arguments) {
  return secret<T>(home, std::in_place, std::forward<Arguments>(arguments)...);
}

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_HOLDER_H_
