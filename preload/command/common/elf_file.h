// The headers of an ELF file, checked against the file's size where they point into it.
#pragma once

#include <elf.h>

#include <string>
#include <vector>

namespace secure_alloc {

struct ElfFile {
  int type = 0;     // ET_EXEC, ET_DYN, ET_CORE
  int machine = 0;  // EM_X86_64 and so on
  std::vector<Elf64_Phdr> segments;
};

enum class ElfStatus { kOk, kNotElf, kOtherClass, kMalformed, kUnreadable };

// kOtherClass: not 64-bit little-endian, `out` is left alone. kUnreadable: see errno.
ElfStatus ReadElf(int fd, ElfFile* out);

// Does the file's dynamic symbol table name it, as its own or as another's? False also if it
// can't be read.
bool NamesSymbol(const std::string& path, const std::string& symbol);

// The machine that this command was built for.
int OwnElfMachine();

}  // namespace secure_alloc
