// PROT_NONE, PROT_READ and PROT_READ|PROT_WRITE in the words of the layers below.
#pragma once

#include "allocator/heap/large_run.h"
#include "allocator/os/keys.h"

namespace secure_alloc {

inline constexpr int kProtNone = 0, kProtRead = 1, kProtAll = 3;

inline bool IsProtection(int prot) {
  return prot == kProtNone || prot == kProtRead || prot == kProtAll;
}

inline Access AccessOf(int prot) {
  return prot == kProtNone ? Access::kNone : prot == kProtRead ? Access::kRead : Access::kReadWrite;
}
inline os::KeyAccess KeyAccessOf(int prot) {
  return prot == kProtNone   ? os::KeyAccess::kNone
         : prot == kProtRead ? os::KeyAccess::kRead
                             : os::KeyAccess::kAll;
}

inline int ProtectionOf(Access access) {
  return access == Access::kNone ? kProtNone : access == Access::kRead ? kProtRead : kProtAll;
}
// What this thread may do to pages under a key.
inline int ProtectionBy(unsigned key) {
  if (key == os::kNoKey) return kProtAll;
  const os::KeyAccess access = os::AccessBy(key);
  return access == os::KeyAccess::kNone   ? kProtNone
         : access == os::KeyAccess::kRead ? kProtRead
                                          : kProtAll;
}

}  // namespace secure_alloc
