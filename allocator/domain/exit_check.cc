#include "allocator/domain/exit_check.h"

#include <sys/single_threaded.h>

#include "allocator/domain/created_domain.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/heap/verify.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"
#include "allocator/record/record.h"

namespace secure_alloc {

void CheckObjectsAtExit() SA_NO_THREAD_SAFETY {
  if (!__libc_single_threaded) return;
  // A child of _Fork(3) or clone(2) would fault on touching secrets.
  if (process_record.process.get() != os::ProcessId()) return;
  ForEachOrdinaryPages(CheckLiveObjects);
  SecretDomains::ForEach([](Domain& domain) {
    const os::KeyOpened opened(domain.key());
    CheckLiveObjects(domain.heap().pages());
  });
}

}  // namespace secure_alloc
