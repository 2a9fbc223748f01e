// The world that refuses a step of a conversion.
#pragma once

#include <errno.h>

#include "allocator/promote/steps.h"

namespace secure_alloc::test {

// While it lives: questions about one step, from one of them on, so many times.
class Refusal {
 public:
  Refusal(Step step, int after, int times = 1) {
    refused_step = step;
    skip = after;
    refusals_left = times;
    refusals = 0;
    step_hook = Refuse;
  }
  ~Refusal() { step_hook = nullptr; }
  Refusal(const Refusal&) = delete;
  Refusal& operator=(const Refusal&) = delete;

  bool happened() const { return refusals > 0; }

 private:
  static int Refuse(Step step) {
    if (step != refused_step || skip-- > 0 || refusals_left-- <= 0) return 0;
    ++refusals;
    return ENOMEM;
  }

  inline static Step refused_step = Step::kSteps;
  inline static int skip = 0, refusals_left = 0, refusals = 0;
};

}  // namespace secure_alloc::test
