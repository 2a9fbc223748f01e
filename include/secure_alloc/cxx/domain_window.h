// A window of access to a domain made with `keyed`, for one thread. Part of secure_alloc/secret.h.
//
//   secure_alloc::domain keys("keys", {.keyed = true});
//   keys.close();                                     // to this thread; to others it is anyway
//   {
//     const secure_alloc::domain_window reading(keys, PROT_READ);
//     ...                                             // what lives in it can be read, here only
//   }
//
// No system call is made. What the thread could do before is back at the window's end, so windows
// nest. A window belongs to the thread that made it.
#ifndef SECURE_ALLOC_CXX_DOMAIN_WINDOW_H_
#define SECURE_ALLOC_CXX_DOMAIN_WINDOW_H_

#include <sys/mman.h>

#include "secure_alloc/cxx/domain.h"

namespace secure_alloc {

class [[nodiscard]] domain_window {
 public:
  explicit domain_window(const domain& home, int protection = PROT_READ | PROT_WRITE)
      : home_(home), before_(home.access()) {
    home.set_access(before_ | protection);
  }
  domain_window(const domain_window&) = delete;
  domain_window& operator=(const domain_window&) = delete;
  ~domain_window() {
    // What was can't be refused; and nobody may be left with more than he had.
    if (!home_.try_set_access(before_)) detail::end("secure_alloc: a domain can't be closed\n");
  }

 private:
  const domain& home_;
  const int before_;
};

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_DOMAIN_WINDOW_H_
