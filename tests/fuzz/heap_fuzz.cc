// The standard domain for secrets, by way of the API, against the model.
#include "tests/fuzz/model.h"

using namespace secure_alloc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  Model model;
  while (choices.more()) {
    const unsigned operation = choices.Byte() % 8;
    if (operation < 3 || model.empty()) {
      if (model.count() > 300) break;
      const size_t bytes = ChooseSize(choices);
      model.Add(secalloc_malloc(bytes), bytes, 16);
    } else if (operation == 3) {
      const size_t bytes = ChooseSize(choices), alignment = size_t{1} << choices.Byte() % 16;
      model.Add(secalloc_aligned_alloc(alignment, bytes), bytes, alignment);
    } else if (operation == 4) {
      size_t old_size;
      void* const object = model.Remove(choices, &old_size);
      const size_t bytes = ChooseSize(choices);
      model.AddResized(object, old_size, secalloc_realloc(object, bytes), bytes);
    } else if (operation == 5 && choices.Byte() % 32 == 0) {
      secalloc_trim();
    } else {
      secalloc_free(model.Remove(choices));
    }
  }
  while (!model.empty()) secalloc_free(model.Remove(choices));
  return 0;
}
