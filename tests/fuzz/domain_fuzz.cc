// Created domains, with quotas, reservations and closed objects, against a model for each. At the
// end a domain without objects has no page in use.
#include <sys/mman.h>

#include "tests/fuzz/model.h"

using namespace secure_alloc::test;

namespace {

constexpr unsigned kDomains = 3;

struct Place {
  secalloc_domain* domain = nullptr;
  Model model;
};

void Create(Place& place, Choices& choices) {
  struct secalloc_domain_config config = {};
  config.name = "fuzz";
  config.quota = choices.Byte() % 4 == 0 ? size_t{choices.Byte()} * 65536 : 0;
  place.domain = secalloc_domain_create(&config);
  place.model = {};
}

void Destroy(Place& place) {
  if (place.domain != nullptr) Must(secalloc_domain_destroy(place.domain) == 0);
  place.domain = nullptr;
  place.model = {};
}

// Closed and opened again: contents stay.
void Close(Place& place, Choices& choices) {
  size_t size;
  void* const object = place.model.Remove(choices, &size);
  if (secalloc_protect(object, PROT_NONE) == 0) {
    Must(secalloc_protect(object, PROT_READ | PROT_WRITE) == 0);
  }
  place.model.AddResized(object, size, object, size);
}

void Step(Place& place, Choices& choices) {
  const unsigned operation = choices.Byte() % 10;
  Model& model = place.model;
  if (operation == 0) {
    (void)secalloc_reserve(place.domain, 1 + choices.Byte() * 256u);
  } else if (operation == 1) {
    const size_t size = ChooseSize(choices) % 60000 + 1;
    (void)secalloc_reserve_objects(place.domain, choices.Byte() % 16, size);
  } else if (operation == 2 && !model.empty()) {
    size_t old_size;
    void* const object = model.Remove(choices, &old_size);
    const size_t size = ChooseSize(choices);
    model.AddResized(object, old_size, secalloc_domain_realloc(place.domain, object, size), size);
  } else if (operation == 3) {
    const size_t size = ChooseSize(choices), alignment = size_t{1} << choices.Byte() % 13;
    const unsigned flags = choices.Byte() % 2 == 0 ? SECALLOC_AT_END : 0;
    model.Add(secalloc_domain_alloc_pages(place.domain, alignment, size, flags), size, alignment);
  } else if (operation == 4 && !model.empty()) {
    Close(place, choices);
  } else if (operation < 7 || model.empty()) {
    const size_t size = ChooseSize(choices);
    model.Add(secalloc_domain_malloc(place.domain, size), size, 16);
  } else {
    secalloc_domain_free(place.domain, model.Remove(choices));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  Place places[kDomains];
  while (choices.more()) {
    Place& place = places[choices.Byte() % kDomains];
    if (place.domain == nullptr) {
      Create(place, choices);
    } else if (choices.Byte() % 64 == 0 || place.model.count() > 100) {
      Destroy(place);
    } else {
      Step(place, choices);
    }
  }
  for (Place& place : places) Destroy(place);
  struct secalloc_stats stats;
  secalloc_stats(&stats);
  Must(stats.secret_used_bytes + stats.locked_used_bytes == 0);
  return 0;
}
