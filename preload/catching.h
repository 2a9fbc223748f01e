// Calls what may throw. The only code here that knows of exceptions: it is compiled with them, and
// leaves what they take to the C++ library that the program has loaded, if it has one.
#pragma once

namespace secure_alloc {

// False: there is no C++ library to catch with. Then what is called had better not throw.
bool CanCatch();

// True if it returns, false if it throws, whatever that is.
bool Returns(void (*function)(const void* argument), const void* argument);
template <typename Function>
bool Returns(const Function& function) {
  return Returns([](const void* f) { (*static_cast<const Function*>(f))(); }, &function);
}

}  // namespace secure_alloc
