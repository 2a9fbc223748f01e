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

int OwnElfMachine() {
  ElfFile self;
  const Descriptor file = OpenForReading("/proc/self/exe");
  return file.ok() && ReadElf(file.get(), &self) == ElfStatus::kOk ? self.machine : EM_NONE;
}

}  // namespace secure_alloc
