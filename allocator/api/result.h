// What functions of the public header return: 0, or -1 with errno set.
#pragma once

#include <errno.h>

namespace secure_alloc {

inline int Result(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

}  // namespace secure_alloc
