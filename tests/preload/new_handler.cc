// What every form of operator new does when memory is short, by the handler that the program set.
#include <stdint.h>
#include <stdio.h>

#include <new>

namespace {

const volatile size_t too_much = SIZE_MAX / 2 + 2;
constexpr std::align_val_t kAlignment{64};
int calls;

struct Form {
  const char* name;
  void* (*make)();
};

constexpr Form kForms[] = {
    {"new", [] { return ::operator new(too_much); }},
    {"new[]", [] { return ::operator new[](too_much); }},
    {"new, aligned", [] { return ::operator new(too_much, kAlignment); }},
    {"new[], aligned", [] { return ::operator new[](too_much, kAlignment); }},
    {"new, nothrow", [] { return ::operator new(too_much, std::nothrow); }},
    {"new[], nothrow", [] { return ::operator new[](too_much, std::nothrow); }},
    {"new, aligned, nothrow", [] { return ::operator new(too_much, kAlignment, std::nothrow); }},
    {"new[], aligned, nothrow",
     [] { return ::operator new[](too_much, kAlignment, std::nothrow); }},
};

struct Refusal : std::bad_alloc {};

struct Handler {
  const char* name;
  std::new_handler handler;
};

constexpr Handler kHandlers[] = {
    {"none", nullptr},
    {"throws", [] { ++calls; throw std::bad_alloc(); }},
    {"throws one of its own", [] { ++calls; throw Refusal(); }},
    {"goes away at last", [] { if (++calls == 3) std::set_new_handler(nullptr); }},
    {"allocates, then throws", [] { delete new (std::nothrow) int(++calls); throw Refusal(); }},
};

void Try(const Handler& handler, const Form& form) {
  calls = 0;
  std::set_new_handler(handler.handler);
  const char* outcome = "null";
  try {
    if (void* const object = form.make()) {
      outcome = "an object";
      ::operator delete(object);
    }
  } catch (const Refusal&) {
    outcome = "its own";
  } catch (const std::bad_alloc&) {
    outcome = "bad_alloc";
  }
  printf("%s, handler %s: %s after %d calls\n", form.name, handler.name, outcome, calls);
}

}  // namespace

int main() {
  for (const Handler& handler : kHandlers) {
    for (const Form& form : kForms) Try(handler, form);
  }
  return 0;
}
