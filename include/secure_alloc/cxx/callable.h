// What is asked of callables and types at compile time. Part of secure_alloc/secret.h.
#ifndef SECURE_ALLOC_CXX_CALLABLE_H_
#define SECURE_ALLOC_CXX_CALLABLE_H_

#include <string_view>
#include <type_traits>

#include "secure_alloc/cxx/memory.h"

namespace secure_alloc::detail {

// Does a callable take its one parameter by value? What can't be seen (templates, overloads) is
// taken to be no.
template <typename Callable, typename = void>
struct takes_copy : std::false_type {};
template <typename Result, typename Argument>
struct takes_copy<Result (*)(Argument)> : std::negation<std::is_reference<Argument>> {};
template <typename Result, typename Argument>
struct takes_copy<Result (*)(Argument) noexcept> : std::negation<std::is_reference<Argument>> {};
template <typename Result, typename Class, typename Argument>
struct takes_copy<Result (Class::*)(Argument)> : takes_copy<Result (*)(Argument)> {};
template <typename Result, typename Class, typename Argument>
struct takes_copy<Result (Class::*)(Argument) const> : takes_copy<Result (*)(Argument)> {};
template <typename Result, typename Class, typename Argument>
struct takes_copy<Result (Class::*)(Argument) noexcept> : takes_copy<Result (*)(Argument)> {};
template <typename Result, typename Class, typename Argument>
struct takes_copy<Result (Class::*)(Argument) const noexcept> : takes_copy<Result (*)(Argument)> {};
template <typename Callable>
struct takes_copy<Callable, std::void_t<decltype(&Callable::operator())>>
    : takes_copy<decltype(&Callable::operator())> {};

// Does the type own or name memory outside itself that is not secret?
template <typename T, typename = void>
struct has_other_allocator : std::false_type {};
template <typename T>
struct has_other_allocator<T, std::void_t<typename T::allocator_type>>
    : std::negation<std::is_same<typename T::allocator_type, allocator<typename T::value_type>>> {};

// std::unique_ptr, std::shared_ptr, std::span name their target so; std::array does not.
template <typename T, typename = void>
struct has_target : std::is_pointer<T> {};
template <typename T>
struct has_target<T, std::void_t<typename T::element_type>> : std::true_type {};
template <typename Char, typename Traits>
struct has_target<std::basic_string_view<Char, Traits>> : std::true_type {};

template <typename T>
constexpr bool is_self_contained = !has_other_allocator<T>::value && !has_target<T>::value;

}  // namespace secure_alloc::detail

#endif  // SECURE_ALLOC_CXX_CALLABLE_H_
