// A plug-in opened with RTLD_DEEPBIND has the C library's malloc, whatever is preloaded.
// What it keeps to itself works; a pointer that crosses ends the process, on either side.
//
//   deepbind_test MODULE.so [theirs|ours]
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

void* plugin = nullptr;

template <typename Function>
Function Find(const char* name) {
  return reinterpret_cast<Function>(dlsym(plugin, name));
}

void* PluginMalloc(size_t size) { return Find<void* (*)(size_t)>("ModuleMalloc")(size); }
void PluginFree(void* object) { Find<void (*)(void*)>("ModuleFree")(object); }

}  // namespace

int main(int count, char** arguments) {
  plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (plugin == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  if (count > 2) {
    if (strcmp(arguments[2], "theirs") == 0) free(PluginMalloc(100));
    if (strcmp(arguments[2], "ours") == 0) PluginFree(malloc(100));
    return 0;
  }
  void* const theirs = PluginMalloc(100);
  Fact("the plug-in's malloc is the C library's", theirs != nullptr && ProtectionOf(theirs) == -1);
  PluginFree(theirs);
  struct secalloc_info info;
  Fact("its pointers are told from ours",
       secalloc_query(theirs, &info) == 0 && info.ours == 0 && info.protection == SECALLOC_PLAIN);
  const Outcome freed_here = Run({"/proc/self/exe", arguments[1], "theirs"});
  Fact("its pointer freed here: invalid free", freed_here.Died(SIGABRT, "invalid free"));
  const Outcome freed_there = Run({"/proc/self/exe", arguments[1], "ours"});
  Fact("our pointer freed there: the C library ends it (" + freed_there.Describe() + ")",
       freed_there.signal == SIGABRT || freed_there.signal == SIGSEGV);
  // One malloc for both sides; secrets are ours, and stay with who asked for them.
  const std::vector<std::string> system = {"SECALLOC_OPTIONS=ordinary=system"};
  for (const char* const whose : {"theirs", "ours"}) {
    const Outcome freed = Run({"/proc/self/exe", arguments[1], whose}, system);
    Fact(std::string("with ordinary=system they cross: ") + whose, freed.exit == 0);
  }
  return Summary();
}
