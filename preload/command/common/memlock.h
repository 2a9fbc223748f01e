// The limit of locked memory of this process.
#pragma once

namespace secure_alloc {

// The soft limit becomes the hard one, as any process may; false with errno.
bool RaiseMemlock();

}  // namespace secure_alloc
