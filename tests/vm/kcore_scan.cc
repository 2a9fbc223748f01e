// Looks for needles in all physical memory, as the kernel's direct map shows it to /proc/kcore.
//
//   kcore_scan FILE    lines "NAME HEX": the needle's bytes, at least 8 and each XORed with
//                      kNeedleMask. Prints "NAME: COUNT" for each, then "scanned: MIB"
//
// The needles exist here only masked, and what was read is wiped before more is read: so it does
// not find itself. Pages that the kernel can't read (memfd_secret) are read as zeros.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/vm/needle.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kPiece = 64 << 10;     // little: it is memory that others may just have freed
constexpr size_t kPrefix = 2;           // bytes of a needle that index the table of first looks
constexpr uint64_t kNoAddress = ~0ull;  // of segments outside of physical memory

struct Needle {
  std::string name;
  std::vector<unsigned char> masked;
  size_t found = 0;
};

[[noreturn]] void Die(const char* what) {
  fprintf(stderr, "kcore_scan: %s: %s\n", what, strerror(errno));
  exit(1);
}

class Scanner {
 public:
  explicit Scanner(std::vector<Needle> needles) : needles_(std::move(needles)), hot_(1 << 16) {
    for (const Needle& needle : needles_) {
      unsigned char prefix[kPrefix];
      for (size_t i = 0; i < kPrefix; ++i) prefix[i] = needle.masked[i] ^ kNeedleMask;
      uint16_t index;
      memcpy(&index, prefix, kPrefix);
      hot_[index] = 1;
      longest_ = std::max(longest_, needle.masked.size());
    }
  }

  // Pieces overlap, so that a needle on their border is seen.
  void Scan(int file, uint64_t offset, uint64_t size) {
    std::vector<unsigned char> piece(kPiece);
    for (uint64_t at = 0; at < size; at += kPiece - longest_) {
      const size_t wanted = static_cast<size_t>(std::min<uint64_t>(kPiece, size - at));
      const ssize_t got = pread(file, piece.data(), wanted, static_cast<off_t>(offset + at));
      if (got < 0) Die("read /proc/kcore");
      Look(piece.data(), static_cast<size_t>(got));
      explicit_bzero(piece.data(), kPiece);
    }
    scanned_ += size;
  }

  void Report() const {
    for (const Needle& needle : needles_) {
      printf("%s: %zu\n", needle.name.c_str(), needle.found);
    }
    printf("scanned: %lu\n", scanned_ >> 20);
  }

 private:
  void Look(const unsigned char* bytes, size_t size) {
    for (size_t i = 0; i + kPrefix <= size; ++i) {
      uint16_t index;
      memcpy(&index, bytes + i, kPrefix);
      if (hot_[index] == 0) continue;
      for (Needle& needle : needles_) needle.found += IsAt(needle, bytes + i, size - i);
    }
  }

  static bool IsAt(const Needle& needle, const unsigned char* bytes, size_t size) {
    if (needle.masked.size() > size) return false;
    for (size_t i = 0; i < needle.masked.size(); ++i) {
      if ((bytes[i] ^ kNeedleMask) != needle.masked[i]) return false;
    }
    return true;
  }

  std::vector<Needle> needles_;
  std::vector<unsigned char> hot_;
  size_t longest_ = 0;
  uint64_t scanned_ = 0;
};

std::vector<Needle> ReadNeedles(const char* path) {
  FILE* const file = fopen(path, "re");
  if (file == nullptr) Die(path);
  std::vector<Needle> needles;
  char name[64], hex[1024];
  while (fscanf(file, "%63s %1023s", name, hex) == 2) {
    Needle needle{name, {}};
    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
      const char digits[] = {hex[i], hex[i + 1], '\0'};
      needle.masked.push_back(static_cast<unsigned char>(strtoul(digits, nullptr, 16)));
    }
    if (needle.masked.size() < 8) Die("a needle of less than 8 bytes");
    needles.push_back(std::move(needle));
  }
  fclose(file);
  return needles;
}

void ScanPhysicalMemory(Scanner& scanner) {
  const int file = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
  if (file < 0) Die("open /proc/kcore");
  Elf64_Ehdr header;
  if (pread(file, &header, sizeof header, 0) != sizeof header) Die("/proc/kcore's header");
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const off_t at = static_cast<off_t>(header.e_phoff + i * sizeof segment);
    if (pread(file, &segment, sizeof segment, at) != sizeof segment) Die("/proc/kcore's segments");
    if (segment.p_type != PT_LOAD || segment.p_paddr == kNoAddress) continue;
    scanner.Scan(file, segment.p_offset, segment.p_filesz);
  }
  close(file);
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  if (count != 2) {
    fprintf(stderr, "usage: kcore_scan FILE\n");
    return 2;
  }
  Scanner scanner(ReadNeedles(arguments[1]));
  ScanPhysicalMemory(scanner);
  scanner.Report();
}
