// The forms of operator new and delete that the program has replaced by its own.
//
// It may replace a few. The others then call these, as those of the C++ library do and the standard
// has it ([new.delete.single], [new.delete.array]): new[] calls new, delete with a size the one
// without, what doesn't throw what does. So an object of the program's new goes to its delete.
#pragma once

namespace secure_alloc::replaced {

// Those that others call.
enum Form {
  kNew,
  kNewArray,
  kNewAligned,
  kNewArrayAligned,
  kDelete,
  kDeleteArray,
  kDeleteAligned,
  kDeleteArrayAligned,
  kForms
};

// It is known that none is: for fast paths. False also while nobody has looked.
[[gnu::visibility("hidden")]] extern constinit bool none;

// Looks, once, at load, as it takes the dynamic linker's lock; or earlier, by who asks earlier.
void Prepare();

bool None();

void* Look(Form form);

// The program's function for this form, or for the one that it calls in its turn; null: ours. Only
// for forms that call this one: the program's may itself call ours, as the next of its name.
template <typename Function>
[[gnu::always_inline]] inline Function* Find(Form form) {
  return none ? nullptr : reinterpret_cast<Function*>(Look(form));
}

}  // namespace secure_alloc::replaced
