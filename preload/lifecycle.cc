// The library's load and the process's end.
#include "allocator/api/report.h"
#include "allocator/base/text.h"
#include "allocator/domain/end.h"
#include "allocator/domain/exit_check.h"
#include "allocator/domain/lockdown.h"
#include "allocator/entry/entry.h"
#include "preload/peer.h"
#include "preload/replaced.h"
#include "preload/rules.h"
#include "preload/trace.h"

namespace secure_alloc {
namespace {

const entry::Peer* ChosenPeer(Ordinary ordinary) {
  const entry::Peer* peer = nullptr;
  if (ordinary == Ordinary::kJemalloc) peer = JemallocPeer();
  if (ordinary == Ordinary::kSystem) peer = SystemPeer();
  if (peer == nullptr && ordinary != Ordinary::kHardened) {
    Line line;
    line << "secure_alloc: ordinary=" << (ordinary == Ordinary::kJemalloc ? "jemalloc" : "system")
         << ": not found behind this library in LD_PRELOAD; ordinary memory comes from the "
            "hardened heap (`secalloc run --ordinary=jemalloc` sets LD_PRELOAD right)";
    line.WriteStderr();
  }
  return peer;
}

[[gnu::constructor]] void OnLoad() {
  if (!entry::Start()) return;  // It has said why; malloc will say ENOMEM.
  if (entry::CurrentOptions().scope != Scope::kAll) WipeLockedSecretsAtEnd();
  rules::Prepare();
  replaced::Prepare();
  if (entry::CurrentOptions().trace) trace::Prepare();
  if (const entry::Peer* const peer = ChosenPeer(entry::CurrentOptions().ordinary)) {
    entry::SetPeer(peer);
  }
  if (entry::CurrentOptions().lockdown) LockDownByOption();
}

[[gnu::destructor]] void OnExit() {
  WriteStatsAtExit();
  if (entry::CurrentOptions().trace) trace::Write();
  CheckObjectsAtExit();
}

}  // namespace
}  // namespace secure_alloc
