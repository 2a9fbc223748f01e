#include "preload/rules.h"

#include <dlfcn.h>
#include <link.h>

#include "allocator/entry/entry.h"
#include "allocator/os/os.h"
#include "preload/libc_sites.h"
#include "preload/modules.h"
#include "preload/trace.h"

namespace secure_alloc::rules {

constinit std::atomic<uint64_t> table[kEntries];

namespace {

void EmptyTable() {
  for (std::atomic<uint64_t>& entry : table) entry.store(0, std::memory_order_relaxed);
}

bool IsDynamicLoader(const char* file) { return IsListed(file, "ld-*.so*:ld.so*"); }

// The program's path, looked up at load: the file may be replaced while it runs.
char program[256];

// The file that the address belongs to, or null (generated code). The main program has no
// name in the link map.
const char* ModuleOf(const void* address) {
  struct dl_find_object found;
  if (_dl_find_object(const_cast<void*>(address), &found) != 0) return nullptr;
  const char* const name = found.dlfo_link_map->l_name;
  if (name[0] != '\0') return name;
  return program[0] != '\0' ? program : nullptr;
}

// Of a call that is not from the C library.
unsigned DomainOfModule(const char* file) {
  const Options& options = entry::CurrentOptions();
  if (options.scope == Scope::kAll) return kSecretBins;
  if (options.scope == Scope::kApi || file == nullptr) return 0;
  const char* const globs = options.modules[0] != '\0' ? options.modules : kDefaultModules;
  return IsListed(file, globs) ? kSecretBins : 0;
}

// Only with scope=all.
unsigned DomainOfLibcCall(const void* caller) { return IsDataSite(caller) ? kSecretBins : 0; }

// Nothing goes into the table: each call comes here.
unsigned DomainOfTraced(const void* caller, size_t size) {
  const char* const file = ModuleOf(caller);
  const unsigned domain = IsInLibc(caller) ? DomainOfLibcCall(caller) : DomainOfModule(file);
  trace::Note(file != nullptr ? file : "generated code", domain != 0, size);
  return domain;
}

}  // namespace

void Prepare() {
  if (!os::ExecutableName(program, sizeof program)) program[0] = '\0';
  if (entry::CurrentOptions().scope == Scope::kAll) FindLibcSites();
  EmptyTable();  // Of what was decided until now.
}

unsigned DomainOfSlow(const void* caller, size_t size) {
  if (!entry::Start()) return 0;
  if (entry::CurrentOptions().trace) return DomainOfTraced(caller, size);
  // Not for the table: the answer is the call's, not the page's.
  if (IsInLibc(caller)) return DomainOfLibcCall(caller);
  const char* const file = ModuleOf(caller);
  const unsigned domain = DomainOfModule(file);
  if (file != nullptr && IsDynamicLoader(file)) {
    EmptyTable();  // And no entry for the loader: it shall be seen each time.
  } else {
    const uint64_t page = reinterpret_cast<uintptr_t>(caller) >> kCodePageShift;
    table[page % kEntries].store(page << 8 | domain, std::memory_order_relaxed);
  }
  return domain;
}

}  // namespace secure_alloc::rules
