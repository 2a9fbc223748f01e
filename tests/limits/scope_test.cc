// Which domain serves a call: rules by the module that the call comes from.
//
//   scope_test LISTED.so PLAIN.so     with SECALLOC_OPTIONS=modules=liblisted-*.so
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

struct Module {
  void* handle;
  void* (*malloc)(size_t);
  void* (*calloc)(size_t);
  void* (*realloc)(void*, size_t);
  void* (*make)(size_t);
  char* (*strdup)(const char*);
  void (*free)(void*);

  explicit Module(const char* path, int flags = RTLD_NOW | RTLD_LOCAL)
      : handle(dlopen(path, flags)) {
    if (handle == nullptr) {
      fprintf(stderr, "%s\n", dlerror());
      exit(2);
    }
    Find("ModuleMalloc", &malloc);
    Find("ModuleCalloc", &calloc);
    Find("ModuleRealloc", &realloc);
    Find("ModuleNew", &make);
    Find("ModuleStrdup", &strdup);
    Find("ModuleFree", &free);
  }
  void Close() { dlclose(handle); }

 private:
  template <typename Function>
  void Find(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(handle, name));
  }
};

bool IsServed(void* object, int protection) {
  const bool right = object != nullptr && ProtectionOf(object) == protection;
  free(object);
  return right;
}

void FactsOfCalls(const Module& module, const std::string& name, int protection) {
  Fact(name + ": malloc", IsServed(module.malloc(100), protection));
  Fact(name + ": large malloc", IsServed(module.malloc(100000), protection));
  Fact(name + ": calloc", IsServed(module.calloc(100), protection));
  Fact(name + ": realloc(NULL)", IsServed(module.realloc(nullptr, 100), protection));
  Fact(name + ": operator new", IsServed(module.make(100), protection));
  // libc is who calls malloc there: documented.
  Fact(name + ": strdup is libc's, so ordinary", IsServed(module.strdup("text"), SECALLOC_PLAIN));
}

void FactsOfMoves(const Module& listed, const Module& plain) {
  char* object = static_cast<char*>(malloc(100));
  strcpy(object, "content");
  object = static_cast<char*>(listed.realloc(object, 100));
  Fact("realloc from a listed module moves an ordinary object up",
       ProtectionOf(object) == SECALLOC_SECRET);
  object = static_cast<char*>(plain.realloc(object, 5000));
  Fact("realloc from elsewhere leaves it secret", ProtectionOf(object) == SECALLOC_SECRET);
  object = static_cast<char*>(plain.realloc(object, 200000));
  Fact("... large as well", ProtectionOf(object) == SECALLOC_SECRET);
  Fact("... with its contents", strcmp(object, "content") == 0);
  plain.free(object);
  listed.free(malloc(100));
  plain.free(listed.malloc(100));
  Fact("free takes anything from anyone", true);
}

// One module at a time, in turn, so that one is mapped where the other was.
void FactsOfReplacedModules(const char* listed_path, const char* plain_path) {
  bool right = true;
  int same_place = 0;
  void* last_place = nullptr;
  for (int i = 0; i < 200; ++i) {
    const bool is_listed = i % 2 == 0;
    Module module(is_listed ? listed_path : plain_path);
    void* const place = reinterpret_cast<void*>(module.malloc);
    same_place += place == last_place;
    last_place = place;
    const int protection = is_listed ? SECALLOC_SECRET : SECALLOC_PLAIN;
    for (int call = 0; call < 3; ++call) {
      right = IsServed(module.malloc(100), protection) && right;
      right = IsServed(module.calloc(5000), protection) && right;
    }
    module.Close();
  }
  printf("       %d of 200 times where the other module had been\n", same_place);
  Fact("modules in turn did lie at one address", same_place > 0);
  Fact("each was served by its own name", right);
}

void FactsOfScope(const char* option, const char* listed_path, int expected) {
  const Outcome outcome = Run({"/proc/self/exe", listed_path, std::to_string(expected)},
                              {std::string("SECALLOC_OPTIONS=") + option});
  Fact(std::string(option) + ": " + outcome.Describe(), outcome.exit == 0);
}

// scope=all and scope=api: the module's name does not matter.
int CheckScope(const char* path, int expected) {
  const Module module(path);
  const bool right = IsServed(module.malloc(100), expected) && IsServed(malloc(100), expected) &&
                     IsServed(secalloc_malloc(100), SECALLOC_SECRET);
  return right ? 0 : 1;
}

}  // namespace

int main(int, char** arguments) {
  alarm(60);
  const char* const listed_path = arguments[1];
  const char* const plain_path = arguments[2];
  if (isdigit(plain_path[0])) return CheckScope(listed_path, atoi(plain_path));
  FactsOfReplacedModules(listed_path, plain_path);
  const Module listed(listed_path);
  const Module plain(plain_path);
  FactsOfCalls(listed, "listed", SECALLOC_SECRET);
  FactsOfCalls(plain, "not listed", SECALLOC_PLAIN);
  FactsOfMoves(listed, plain);
  FactsOfScope("scope=all", plain_path, SECALLOC_SECRET);
  FactsOfScope("scope=api,modules=liblisted-*.so", listed_path, SECALLOC_PLAIN);
  FactsOfScope("modules=scope_t?st:libplain*", plain_path, SECALLOC_SECRET);
  return Summary();
}
