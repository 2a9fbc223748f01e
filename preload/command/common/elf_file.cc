#include "preload/command/common/elf_file.h"

#include <string.h>
#include <unistd.h>

#include "preload/command/common/file_io.h"

namespace secure_alloc {
namespace {

template <typename T>
bool ReadAt(int fd, uint64_t offset, T* out, size_t count = 1) {
  const size_t size = sizeof(T) * count;
  return pread(fd, out, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

// More than 65534 segments: the count is in the first section header (elf(5), PN_XNUM).
bool SegmentCount(int fd, const Elf64_Ehdr& header, size_t* count) {
  *count = header.e_phnum;
  if (header.e_phnum != PN_XNUM) return true;
  Elf64_Shdr section;
  if (header.e_shoff == 0 || !ReadAt(fd, header.e_shoff, &section)) return false;
  *count = section.sh_info;
  return true;
}

// Where the file has what is loaded at `address`.
bool OffsetOf(const ElfFile& elf, uint64_t address, uint64_t* offset) {
  for (const Elf64_Phdr& segment : elf.segments) {
    if (segment.p_type != PT_LOAD || address - segment.p_vaddr >= segment.p_filesz) continue;
    *offset = segment.p_offset + (address - segment.p_vaddr);
    return true;
  }
  return false;
}

// The names of the dynamic symbols, each ended by a zero byte.
bool ReadNames(int fd, const ElfFile& elf, std::string* names) {
  constexpr uint64_t kMost = 64 << 20;
  uint64_t address = 0, size = 0, offset = 0;
  for (const Elf64_Phdr& segment : elf.segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    Elf64_Dyn entry;
    for (uint64_t at = 0; at + sizeof entry <= segment.p_filesz; at += sizeof entry) {
      if (!ReadAt(fd, segment.p_offset + at, &entry) || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_STRTAB) address = entry.d_un.d_ptr;
      if (entry.d_tag == DT_STRSZ) size = entry.d_un.d_val;
    }
  }
  if (size == 0 || size > kMost || !OffsetOf(elf, address, &offset)) return false;
  names->resize(size);
  return ReadAt(fd, offset, names->data(), size);
}

}  // namespace

ElfStatus ReadElf(int fd, ElfFile* out) {
  unsigned char ident[EI_NIDENT];
  const ssize_t n = pread(fd, ident, sizeof ident, 0);
  if (n < 0) return ElfStatus::kUnreadable;
  if (n < SELFMAG || memcmp(ident, ELFMAG, SELFMAG) != 0) return ElfStatus::kNotElf;
  if (n < EI_NIDENT) return ElfStatus::kMalformed;
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) return ElfStatus::kOtherClass;

  Elf64_Ehdr header;
  size_t count = 0;
  if (!ReadAt(fd, 0, &header) || !SegmentCount(fd, header, &count)) return ElfStatus::kMalformed;
  if (count > 0 && header.e_phentsize != sizeof(Elf64_Phdr)) return ElfStatus::kMalformed;
  const off_t size = lseek(fd, 0, SEEK_END);
  if (header.e_phoff > static_cast<uint64_t>(size) ||
      count > (static_cast<uint64_t>(size) - header.e_phoff) / sizeof(Elf64_Phdr)) {
    return ElfStatus::kMalformed;
  }
  std::vector<Elf64_Phdr> segments(count);
  if (!ReadAt(fd, header.e_phoff, segments.data(), count)) return ElfStatus::kMalformed;
  *out = {header.e_type, header.e_machine, std::move(segments)};
  return ElfStatus::kOk;
}

bool NamesSymbol(const std::string& path, const std::string& symbol) {
  ElfFile elf;
  std::string names;
  const Descriptor file = OpenForReading(path);
  if (!file.ok() || ReadElf(file.get(), &elf) != ElfStatus::kOk) return false;
  const std::string whole = '\0' + symbol + '\0';
  return ReadNames(file.get(), elf, &names) && names.find(whole) != std::string::npos;
}

int OwnElfMachine() {
#if defined(__x86_64__)
  return EM_X86_64;
#else
  return EM_AARCH64;
#endif
}

}  // namespace secure_alloc
