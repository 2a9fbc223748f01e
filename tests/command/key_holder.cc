// key_holder needles|plain|private|noaccess KEY: holds a key in one way and waits.
//
//   needles   as a scan does while it searches
//   plain     a copy of the file in ordinary memory
//   private   a copy in PrivatePages
//   noaccess  a copy in memory without any access, as sodium_mprotect_noaccess leaves it
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "preload/command/common/private_pages.h"
#include "preload/command/scan/key_file.h"

namespace {

constexpr size_t kSize = 65536;

void Read(const char* path, void* out) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0 || read(fd, out, kSize) <= 0) _exit(2);
  close(fd);
}

[[noreturn]] void Wait() {
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string how = argv[1];
  if (how == "needles") {
    secure_alloc::Needles needles;
    std::string error;
    if (!secure_alloc::AddKeyFile(argv[2], &needles, &error)) return 2;
    needles.Seal();
    Wait();
  }
  if (how == "private") {
    secure_alloc::PrivatePages pages(kSize);
    Read(argv[2], pages.data());
    Wait();
  }
  if (how != "plain" && how != "noaccess") return 2;
  void* pages = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return 2;
  Read(argv[2], pages);
  if (how == "noaccess" && mprotect(pages, kSize, PROT_NONE) != 0) return 2;
  Wait();
}
