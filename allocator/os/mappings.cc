// /proc/thread-self/maps and the like, read without memory of our own.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstring>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"

namespace secure_alloc::os {
namespace {

static_assert(kReadable == PROT_READ && kWritable == PROT_WRITE && kExecutable == PROT_EXEC);

// Reads a number and steps over it.
uint64_t Number(const char** at, unsigned base) {
  uint64_t number = 0;
  for (;; ++*at) {
    const char c = **at;
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                  : 16;
    if (digit >= base) return number;
    number = number * base + digit;
  }
}

// PROCMAP_QUERY of <linux/fs.h>, which Debian 12's does not have.
struct Question {
  uint64_t size, flags, address;
  uint64_t begin, end, protection, page_size, offset, inode;
  uint32_t device_major, device_minor;
  uint32_t name_size, build_id_size;
  uint64_t name, build_id;
};
constexpr unsigned long kAskForMapping = _IOWR('f', 17, Question);
constexpr uint64_t kShared = 8, kThisOrNext = 16;

// What the name says, once the inode is known.
void Name(const char* name, Mapping* mapping) {
  // A file of nearly that name is only a file.
  mapping->secret =
      mapping->inode != 0 && mapping->shared && std::strcmp(name, "/secretmem (deleted)") == 0;
  mapping->stack = std::strncmp(name, "[stack", 6) == 0;
  const bool ordinary = *name == '\0' || std::strcmp(name, "[heap]") == 0 || mapping->stack ||
                        std::strncmp(name, "[anon", 5) == 0;
  mapping->foreign = !mapping->secret && (mapping->inode != 0 || !ordinary);
}

// begin-end rwxp offset major:minor inode   path
void Parse(const char* at, Mapping* mapping) {
  mapping->begin = Number(&at, 16);
  ++at;
  mapping->end = Number(&at, 16);
  ++at;
  mapping->protection = (at[0] == 'r' ? kReadable : 0) | (at[1] == 'w' ? kWritable : 0) |
                        (at[2] == 'x' ? kExecutable : 0);
  mapping->shared = at[3] == 's';
  at += 5;
  mapping->offset = Number(&at, 16);
  ++at;
  Number(&at, 16);
  ++at;
  Number(&at, 16);
  ++at;
  mapping->inode = Number(&at, 10);
  while (*at == ' ') ++at;
  Name(at, mapping);
}

}  // namespace

MappingReader::MappingReader(uintptr_t from, const char* path) : from_(from) {
  const long result = OpenToRead(path);
  if (Failed(result)) {
    error_ = Error(result);
  } else {
    file_ = static_cast<int>(result);
  }
}

MappingReader::~MappingReader() {
  if (file_ >= 0) Syscall(__NR_close, file_);  // Read only: nothing can be lost.
}

void MappingReader::Restart(uintptr_t from) {
  from_ = from;
  if (!by_text_ || error_ != 0) return;
  begin_ = end_ = 0;
  in_long_line_ = false;
  error_ = Error(Syscall(__NR_lseek, file_, 0, SEEK_SET));
}

bool MappingReader::NextLine(char** line) {
  for (;;) {
    char* const begin = text_ + begin_;
    char* end = static_cast<char*>(std::memchr(begin, '\n', end_ - begin_));
    const bool full = begin_ == 0 && end_ == sizeof text_ - 1;
    if (end != nullptr || full) {
      const bool is_rest = in_long_line_;
      in_long_line_ = end == nullptr;
      if (end == nullptr) end = text_ + end_ - 1;  // A path's last byte, of no interest.
      *end = '\0';
      begin_ = static_cast<size_t>(end + 1 - text_);
      if (is_rest) continue;
      *line = begin;
      return true;
    }
    std::memmove(text_, begin, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const long count =
        Syscall(__NR_read, file_, Int(text_ + end_), static_cast<long>(sizeof text_ - 1 - end_));
    if (count == -EINTR) continue;
    if (count <= 0) {
      if (count < 0) error_ = Error(count);
      return false;
    }
    end_ += static_cast<size_t>(count);
  }
}

int MappingReader::Ask(Mapping* mapping) {
  char name[64] = "";
  Question question = {};
  question.size = sizeof question;
  question.flags = kThisOrNext;
  question.address = from_;
  question.name = static_cast<uint64_t>(Int(name));
  question.name_size = sizeof name;
  long result = Syscall(__NR_ioctl, file_, kAskForMapping, Int(&question));
  if (result == -ENAMETOOLONG) {
    // Of a file; names of interest are short.
    name[0] = '\0';
    question.name_size = 0;
    question.name = 0;
    result = Syscall(__NR_ioctl, file_, kAskForMapping, Int(&question));
  }
  if (Failed(result)) return Error(result);
  *mapping = {};
  mapping->begin = question.begin;
  mapping->end = question.end;
  mapping->protection =
      static_cast<int>(question.protection & (kReadable | kWritable | kExecutable));
  mapping->shared = (question.protection & kShared) != 0;
  mapping->offset = question.offset;
  mapping->inode = question.inode;
  Name(name, mapping);
  from_ = mapping->end;
  return 0;
}

bool MappingReader::Next(Mapping* mapping) {
  if (error_ != 0) return false;
  if (!by_text_) {
    const int error = Ask(mapping);
    if (error == 0) return true;
    if (error == ENOENT) return false;
    by_text_ = true;  // An older kernel, or a sandbox.
  }
  char* line;
  do {
    if (!NextLine(&line)) return false;
    Parse(line, mapping);
  } while (mapping->end <= from_);
  return true;
}

int FindMapping(uintptr_t address, Mapping* mapping) {
  MappingReader reader;
  return FindMapping(reader, address, mapping);
}

int FindMapping(MappingReader& reader, uintptr_t address, Mapping* mapping) {
  reader.Restart(address);
  if (!reader.Next(mapping)) return reader.error() != 0 ? reader.error() : ENOMEM;
  return mapping->begin <= address ? 0 : ENOMEM;
}

int FindMapping(uintptr_t address, Mapping* mapping, bool* locked, bool* undumped) {
  MappingReader reader(address, "/proc/thread-self/smaps");
  *mapping = {};
  char* line;
  while (reader.error() == 0 && reader.NextLine(&line)) {
    constexpr char kFlags[] = "VmFlags:";
    // A mapping's first line begins with its address, the others with the name of a figure.
    if (*line < 'A' || *line > 'Z') {
      Parse(line, mapping);
      if (mapping->begin > address) return ENOMEM;
    } else if (address < mapping->end && std::strncmp(line, kFlags, sizeof kFlags - 1) == 0) {
      *locked = std::strstr(line, " lo") != nullptr;
      *undumped = std::strstr(line, " dd") != nullptr;
      return 0;
    }
  }
  return reader.error() != 0 ? reader.error() : ENOMEM;
}

}  // namespace secure_alloc::os
