#include "tests/unit/promote/range.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "allocator/base/bits.h"
#include "allocator/os/live.h"

namespace secure_alloc::test {
namespace {

char Expected(const char* at) {
  return static_cast<char>((reinterpret_cast<uintptr_t>(at) * 0x9E3779B97F4A7C15u) >> 56);
}

os::Mapping MappingOf(const void* address) {
  os::Mapping mapping = {};
  if (os::FindMapping(reinterpret_cast<uintptr_t>(address), &mapping) != 0) return {};
  return mapping;
}

size_t KiBOf(const char* path, const char* name) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    size_t value;
    if (word == std::string(name) + ":" && file >> value) return value;
  }
  return 0;
}

}  // namespace

// A page more on either side, and room to begin at one.
Range::Range(size_t pages, int flags) : bytes_(pages * kPage) {
  mapping_ = mmap(nullptr, bytes_ + 3 * kPage, PROT_READ | PROT_WRITE, flags, -1, 0);
  begin_ = reinterpret_cast<char*>(RoundUp(Address(mapping_) + kPage, kPage));
  Fill();
}

Range::~Range() {
  if (begin_ != nullptr) munmap(mapping_, bytes_ + 3 * kPage);
}

void Range::Fill(char* begin, size_t bytes) {
  for (char* at = begin; at < begin + bytes; ++at) *at = Expected(at);
}

bool Range::IsIntact(const char* begin, size_t bytes) {
  for (const char* at = begin; at < begin + bytes; ++at) {
    if (*at != Expected(at)) return false;
  }
  return true;
}

int Range::Advise(void* begin, size_t bytes, int advice) {
  errno = 0;
  const int result = secalloc_madvise(begin, bytes, advice);
  return result == 0 ? 0 : errno;
}

bool IsSecret(const void* address) {
  struct secalloc_info info;
  return secalloc_query(address, &info) == 0 && info.protection == SECALLOC_SECRET &&
         info.promoted != 0;
}

bool IsSecretToKernel(const void* address) { return MappingOf(address).secret; }

int ProtectionOf(const void* address) { return MappingOf(address).protection; }

bool IsReadableByOthers(const void* address) {
  const pid_t self = getpid();
  int result[2];
  if (pipe(result) != 0) return true;
  const pid_t child = vfork();
  if (child == 0) {
    char byte;
    struct iovec local = {&byte, 1}, remote = {const_cast<void*>(address), 1};
    const char readable = process_vm_readv(self, &local, 1, &remote, 1, 0) == 1;
    _exit(write(result[1], &readable, 1) != 1);
  }
  char readable = 1;
  if (child > 0 && read(result[0], &readable, 1) != 1) readable = 1;
  close(result[0]);
  close(result[1]);
  waitpid(child, nullptr, 0);
  return readable != 0;
}

PoolContents ReadPool() {
  PoolContents pool;
  os::MappingReader reader;
  os::Mapping mapping;
  while (reader.Next(&mapping)) {
    struct secalloc_info info;
    const char* const begin = reinterpret_cast<const char*>(mapping.begin);
    if (!mapping.secret || secalloc_query(begin, &info) != 0 || info.ours || info.promoted != 0) {
      continue;
    }
    const size_t bytes = mapping.end - mapping.begin;
    pool.bytes += bytes;
    pool.zero &= std::all_of(begin, begin + bytes, [](char byte) { return byte == 0; });
  }
  return pool;
}

struct secalloc_stats Stats() {
  struct secalloc_stats stats = {};
  secalloc_stats(&stats);
  return stats;
}

size_t Descriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  size_t count = 0;
  while (folder != nullptr && readdir(folder) != nullptr) ++count;
  if (folder != nullptr) closedir(folder);
  return count;
}

size_t Mappings() {
  os::MappingReader reader;
  os::Mapping mapping;
  size_t count = 0;
  while (reader.Next(&mapping)) ++count;
  return count;
}

size_t StatusOf(const char* name) { return KiBOf("/proc/self/status", name); }
size_t MachineStatusOf(const char* name) { return KiBOf("/proc/meminfo", name); }

}  // namespace secure_alloc::test
