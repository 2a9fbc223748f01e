// What this kernel does with files and mappings of memfd_secret(2), without the library: what a
// table of single operations (tests/conformance) does not show. Prints a line "NAME: RESULT" each:
//
//   FD_CLOEXEC     what the flag gives that the manual page names
//   MAP_POPULATE   pages that are there after it, of those asked for
//   side by side   map entries of two files' neighbouring pages; of two pages without a file
//   part unmapped  MiB that the kernel got back of 32, when all but a page was unmapped
//   all unmapped   ... and the page as well
//   hibernation    /sys/power/disk without secret memory, and with it
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kMiB = 1 << 20;
constexpr size_t kLarge = 32 * kMiB;

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(1);
}

int SecretFile(unsigned flags) { return static_cast<int>(syscall(SYS_memfd_secret, flags)); }

// `at` null: anywhere.
char* Map(void* at, size_t length, int flags, int file) {
  if (at != nullptr) flags |= MAP_FIXED;
  void* const memory = mmap(at, length, PROT_READ | PROT_WRITE, flags, file, 0);
  if (memory == MAP_FAILED) Die("mmap");
  return static_cast<char*>(memory);
}

char* MapSecret(void* at, size_t length, int flags = 0) {
  const int file = SecretFile(O_CLOEXEC);
  if (file < 0 || ftruncate(file, static_cast<off_t>(length)) != 0) Die("memfd_secret");
  char* const memory = Map(at, length, MAP_SHARED | flags, file);
  close(file);
  return memory;
}

// Lines of a file of /proc that `wanted` takes, each at most so long.
template <typename Wanted>
void EachLine(const char* path, Wanted wanted) {
  FILE* const file = fopen(path, "r");
  if (file == nullptr) Die(path);
  char line[512];
  while (fgets(line, sizeof line, file) != nullptr) wanted(line);
  fclose(file);
}

int MapEntries(const char* begin, const char* end) {
  int count = 0;
  EachLine("/proc/self/maps", [&](const char* line) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx", &from, &to) != 2) return;
    count +=
        from < reinterpret_cast<unsigned long>(end) && to > reinterpret_cast<unsigned long>(begin);
  });
  return count;
}

long UnevictableMiB() {
  long kib = -1;
  EachLine("/proc/meminfo", [&](const char* line) { sscanf(line, "Unevictable: %ld kB", &kib); });
  return kib / 1024;
}

void TellFlag() {
  const int file = SecretFile(FD_CLOEXEC);
  printf("FD_CLOEXEC: %s\n", file < 0 ? strerrorname_np(errno) : "ok");
}

void TellPopulate() {
  constexpr size_t kPages = 16;
  char* const memory = MapSecret(nullptr, kPages * kPageBytes, MAP_POPULATE);
  unsigned char there[kPages];
  if (mincore(memory, kPages * kPageBytes, there) != 0) Die("mincore");
  int count = 0;
  for (const unsigned char page : there) count += page & 1;
  printf("MAP_POPULATE: %d of %zu\n", count, kPages);
  munmap(memory, kPages * kPageBytes);
}

void TellEntries() {
  constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  char* const four = Map(nullptr, 4 * kPageBytes, kAnonymous, -1);
  mprotect(four, 4 * kPageBytes, PROT_NONE);  // Else what follows could merge with a neighbour.
  char* const middle = four + kPageBytes;
  char* const end = middle + 2 * kPageBytes;
  MapSecret(middle, kPageBytes);
  MapSecret(middle + kPageBytes, kPageBytes);
  const int files = MapEntries(middle, end);
  Map(middle, kPageBytes, kAnonymous, -1);
  Map(middle + kPageBytes, kPageBytes, kAnonymous, -1);
  printf("side by side: %d; %d\n", files, MapEntries(middle, end));
}

void TellReturn() {
  char* const memory = MapSecret(nullptr, kLarge);
  for (size_t at = 0; at < kLarge; at += kPageBytes) memory[at] = 1;
  const long before = UnevictableMiB();
  munmap(memory, kLarge - kPageBytes);
  const long part = UnevictableMiB();
  munmap(memory + kLarge - kPageBytes, kPageBytes);
  printf("part unmapped: %ld of %zu\n", before - part, kLarge / kMiB);
  printf("all unmapped: %ld of %zu\n", before - UnevictableMiB(), kLarge / kMiB);
}

void TellHibernation() {
  static constexpr char kPath[] = "/sys/power/disk";
  if (access(kPath, R_OK) != 0) {
    puts("hibernation: this kernel has none");
    return;
  }
  const auto tell = [](const char* when) {
    EachLine(kPath, [&](char* line) {
      line[strcspn(line, "\n")] = '\0';
      printf("%s %s", when, line);
    });
  };
  tell("hibernation: without");
  char* const memory = MapSecret(nullptr, kPageBytes);
  tell("; with");
  puts("");
  munmap(memory, kPageBytes);
}

}  // namespace

int main() {
  TellFlag();
  TellPopulate();
  TellEntries();
  TellReturn();
  TellHibernation();
}
