// A module that allocates. Built under several names: which of them is listed by the
// option `modules` is the names' business alone.
#include <stdlib.h>
#include <string.h>

#include <new>

extern "C" {

void* ModuleMalloc(size_t size) { return malloc(size); }
void* ModuleCalloc(size_t size) { return calloc(1, size); }
void* ModuleRealloc(void* object, size_t size) { return realloc(object, size); }
void* ModuleNew(size_t size) { return ::operator new(size); }
char* ModuleStrdup(const char* text) { return strdup(text); }
void ModuleFree(void* object) { free(object); }
}
