#include "preload/replaced.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <new>

namespace secure_alloc::replaced {

constinit bool none = false;

namespace {

using New = void*(size_t);
using NewAligned = void*(size_t, std::align_val_t);
using Delete = void(void*) noexcept;
using DeleteAligned = void(void*, std::align_val_t) noexcept;

struct Base {
  const char* name;
  void* ours;
  Form calls;  // itself: none
};

// Threads that look at the same time find the same.
constinit std::atomic<bool> is_known{false};
constinit std::atomic<void*> found[kForms] = {};

// Not so the place by which an executable that is not position-independent knows a function whose
// address it takes: dlsym() gives that, as all must see the same address. It has a symbol, which
// need not be so of what an indirect function chose.
bool IsDefinition(const void* function) {
  Dl_info info;
  const ElfW(Sym)* symbol = nullptr;
  void** const extra = reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol));
  const bool has_place = dladdr1(function, &info, extra, RTLD_DL_SYMENT) != 0;
  return !has_place || symbol == nullptr || symbol->st_shndx != SHN_UNDEF;
}

}  // namespace

void Prepare() {
  const Base bases[] = {
      {"_Znwm", reinterpret_cast<void*>(static_cast<New*>(operator new)), kNew},
      {"_Znam", reinterpret_cast<void*>(static_cast<New*>(operator new[])), kNew},
      {"_ZnwmSt11align_val_t", reinterpret_cast<void*>(static_cast<NewAligned*>(operator new)),
       kNewAligned},
      {"_ZnamSt11align_val_t", reinterpret_cast<void*>(static_cast<NewAligned*>(operator new[])),
       kNewAligned},
      {"_ZdlPv", reinterpret_cast<void*>(static_cast<Delete*>(operator delete)), kDelete},
      {"_ZdaPv", reinterpret_cast<void*>(static_cast<Delete*>(operator delete[])), kDelete},
      {"_ZdlPvSt11align_val_t",
       reinterpret_cast<void*>(static_cast<DeleteAligned*>(operator delete)), kDeleteAligned},
      {"_ZdaPvSt11align_val_t",
       reinterpret_cast<void*>(static_cast<DeleteAligned*>(operator delete[])), kDeleteAligned},
  };
  bool any = false;
  for (unsigned i = 0; i < kForms; ++i) {
    void* const first = dlsym(RTLD_DEFAULT, bases[i].name);
    const bool is_own = first != bases[i].ours && IsDefinition(first);
    void* const own = is_own ? first : found[bases[i].calls].load();
    found[i].store(own);
    any = any || own != nullptr;
  }
  none = !any;
  is_known.store(true);
}

bool None() {
  if (!is_known.load()) Prepare();
  return none;
}

void* Look(Form form) { return None() ? nullptr : found[form].load(); }

}  // namespace secure_alloc::replaced
