// What must not compile, one case each, with a part of what the compiler then says. Without a case
// defined the file compiles. must_not_compile_test.sh reads the lines that begin a case:
//   #ifdef NAME  // MESSAGE (extended regular expression)
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "secure_alloc/secret.h"

using secure_alloc::guarded;
using secure_alloc::make_secret;
using secure_alloc::secret;
using Key = std::array<unsigned char, 32>;

struct Padded {
  char a;
  int b;
};

void Use(secret<Key>& key, const secret<Key>& fixed, secure_alloc::string& text,
         const guarded<Key>& closed) {
  (void)closed.access([](const Key& bytes) { return bytes.size(); });
  key.access([](Key& bytes) { bytes.fill(1); });
  (void)fixed.access([](const Key& bytes) { return bytes.size(); });
  (void)text.view();

#ifdef COPY  // deleted (function|constructor)
  secret<Key> copy = key;
#endif
#ifdef COPY_ASSIGNMENT  // deleted (function|operator)
  secret<Key> copy;
  copy = key;
#endif
#ifdef OUTPUT  // deleted (function|operator)
  std::cout << key;
#endif
#ifdef OUTPUT_OF_STRING  // deleted (function|operator)
  std::cout << text;
#endif
#ifdef STRING_BECOMES_ORDINARY  // no matching|conversion from|no viable conversion
  std::string copy(text);
#endif
#ifdef STRING_BECOMES_VIEW  // conversion from|no viable conversion|no known conversion
  std::string_view view = text;
#endif
#ifdef COPY_OF_GUARDED  // deleted (function|constructor)
  guarded<Key> copy = closed;
#endif
#ifdef OUTPUT_OF_GUARDED  // deleted (function|operator)
  std::cout << closed;
#endif
#ifdef WRITE_TO_CONST_GUARDED  // that of a const secret by const reference
  closed.access([](Key& bytes) { bytes.fill(1); });
#endif
#ifdef COPY_OF_DOMAIN  // deleted function|copy constructor
  secure_alloc::domain one("one");
  secure_alloc::domain copy = one;
#endif
#ifdef ORDER  // no match for|invalid operands
  (void)(key < fixed);
#endif
#ifdef RETURNED_REFERENCE  // a reference or pointer would outlive the access
  key.access([](Key& bytes) -> Key& { return bytes; });
#endif
#ifdef RETURNED_POINTER  // a reference or pointer would outlive the access
  (void)key.access([](Key& bytes) { return bytes.data(); });
#endif
#ifdef RETURNED_VALUE  // the value would be copied out
  (void)key.access([](const Key& bytes) { return bytes; });
#endif
#ifdef TAKEN_BY_VALUE  // the callable would copy the value
  key.access([](Key bytes) { bytes.fill(1); });
#endif
#ifdef TAKEN_BY_VALUE_BY_FUNCTION  // the callable would copy the value
  struct Local {
    static void Take(Key) noexcept {}
  };
  key.access(Local::Take);
#endif
#ifdef WRITE_TO_CONST  // that of a const secret by const reference
  fixed.access([](Key& bytes) { bytes.fill(1); });
#endif
#ifdef ORDINARY_STRING  // content would lie in ordinary memory
  auto secret_string = make_secret<std::string>();
#endif
#ifdef ORDINARY_VECTOR  // content would lie in ordinary memory
  auto secret_vector = make_secret<std::vector<char>>();
#endif
#ifdef POINTER  // content would lie in ordinary memory
  auto pointer = make_secret<char*>();
#endif
#ifdef SMART_POINTER  // content would lie in ordinary memory
  auto pointer = make_secret<std::unique_ptr<Key>>();
#endif
#ifdef VIEW  // content would lie in ordinary memory
  auto view = make_secret<std::string_view>();
#endif
#ifdef ARRAY  // for arrays std::array or vector
  secret<unsigned char[32]> array;
#endif
#ifdef CONST_VALUE  // neither const nor volatile
  secret<const Key> value;
#endif
#ifdef CONST_ELEMENT  // neither const nor volatile
  secure_alloc::allocator<const char> allocator;
#endif
#ifdef EQUAL_WITH_PADDING  // equal values need not be equal bytes
  (void)(secret<Padded>() == secret<Padded>());
#endif
#ifdef EQUAL_FLOATS  // equal elements must be equal bytes
  (void)secure_alloc::equal(std::array<double, 1>(), std::array<double, 1>());
#endif
#ifdef EQUAL_DIFFERENT  // both ranges must have the same elements
  (void)secure_alloc::equal(std::array<char, 1>(), std::array<int, 1>());
#endif
#ifdef DROPPED  // unused.*nodiscard|nodiscard|ignoring return value
  secret<Key>::try_make();
#endif
}

// What these refusals must not take with them.
void UseOfTheRest() {
  auto text = make_secret<secure_alloc::string>("secret");
  auto bytes = make_secret<secure_alloc::vector<char>>(std::size_t{3}, 'x');
  (void)text.access([](auto& inside) { return inside.size(); });
  (void)bytes.access([](const auto& inside) { return inside.size(); });
  make_secret<Padded>().access([](Padded& inside) { inside.b = 1; });
}
