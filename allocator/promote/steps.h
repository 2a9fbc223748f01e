// The steps of a conversion that the world can refuse, for tests that refuse them.
#pragma once

namespace secure_alloc {

enum class Step {
  kMakeFile,  // a secret file, its mapping, its pages
  kTable,     // room in the registry
  kStaging,   // address space for the old pages
  kWatch,
  kMoveAway,
  kAccess,  // making pages readable and writable for us
  kUnpin,   // the old pages away from whoever pins them
  kPlace,   // the new pages to where the old ones were
  kAlias,
  kFresh,  // ordinary pages for a demotion
  kMoveWatched,
  kPlacePages,
  kStop,
  kSteps,
};

// Asked before each step; an errno value instead of 0 refuses it. Null but in tests.
using StepHook = int (*)(Step step);
extern constinit StepHook step_hook;

inline int Refused(Step step) { return step_hook == nullptr ? 0 : step_hook(step); }

}  // namespace secure_alloc
