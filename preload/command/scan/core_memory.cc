#include "preload/command/scan/core_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include <algorithm>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr size_t kLargestNotes = size_t{64} << 20;

std::string WhyNotCore(int fd, ElfStatus status) {
  unsigned char magic[4] = {};
  if (status == ElfStatus::kUnreadable) return ErrnoText(errno);
  if (status == ElfStatus::kMalformed) return "a damaged ELF file";
  if (status == ElfStatus::kOtherClass) return "not a 64-bit little-endian core file";
  if (pread(fd, magic, sizeof magic, 0) == sizeof magic) {
    if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0) return "compressed; first: zstd -d FILE";
    if (memcmp(magic, "\x1f\x8b", 2) == 0) return "compressed; first: gunzip FILE";
  }
  return "not an ELF core file";
}

size_t Align4(size_t n) { return (n + 3) & ~size_t{3}; }

}  // namespace

std::unique_ptr<CoreMemory> CoreMemory::Open(const std::string& path, std::string* error) {
  Descriptor file = OpenForReading(path);
  if (!file.ok()) {
    *error = path + ": " + ErrnoText(errno);
    return nullptr;
  }
  ElfFile elf;
  const ElfStatus status = ReadElf(file.get(), &elf);
  if (status != ElfStatus::kOk || elf.type != ET_CORE) {
    *error = path + ": " +
             (status == ElfStatus::kOk ? "an ELF file, but not a core file"
                                       : WhyNotCore(file.get(), status));
    return nullptr;
  }
  std::unique_ptr<CoreMemory> core(new CoreMemory(path, std::move(file)));
  for (const Elf64_Phdr& segment : elf.segments) {
    if (segment.p_type == PT_NOTE) core->ReadNotes(segment);
  }
  for (const Elf64_Phdr& segment : elf.segments) {
    if (segment.p_type == PT_LOAD) core->AddSegment(segment);
  }
  std::sort(core->mappings_.begin(), core->mappings_.end(),
            [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
  return core;
}

void CoreMemory::AddSegment(const Elf64_Phdr& segment) {
  if (segment.p_memsz > segment.p_filesz) bytes_left_out_ += segment.p_memsz - segment.p_filesz;
  const uint64_t begin = segment.p_vaddr, end = begin + segment.p_filesz;
  if (end <= begin) return;
  const auto file = files_.upper_bound(begin);
  const bool named = file != files_.begin() && begin < std::prev(file)->second.first;
  mappings_.push_back({begin, end, named ? std::prev(file)->second.second : "anonymous"});
  offsets_[begin] = segment.p_offset;
}

// A note: sizes of name and contents, type, name, contents; each padded to 4 bytes.
void CoreMemory::ReadNotes(const Elf64_Phdr& segment) {
  std::string notes(std::min<uint64_t>(segment.p_filesz, kLargestNotes), '\0');
  const ssize_t n =
      pread(file_.get(), notes.data(), notes.size(), static_cast<off_t>(segment.p_offset));
  notes.resize(n < 0 ? 0 : static_cast<size_t>(n));
  for (size_t at = 0; notes.size() - at >= sizeof(Elf64_Nhdr);) {
    Elf64_Nhdr note;
    memcpy(&note, &notes[at], sizeof note);
    const size_t contents = at + sizeof note + Align4(note.n_namesz);
    if (contents > notes.size() || note.n_descsz > notes.size() - contents) return;
    if (note.n_type == NT_FILE) ReadFileNote(&notes[contents], note.n_descsz);
    if (note.n_type == NT_PRPSINFO && note.n_descsz == sizeof(prpsinfo_t)) {
      const char* text = &notes[contents + offsetof(prpsinfo_t, pr_psargs)];
      command_line_.assign(text, strnlen(text, sizeof(prpsinfo_t::pr_psargs)));
    }
    at = std::min(contents + Align4(note.n_descsz), notes.size());
  }
}

// NT_FILE: count, page size, count times (begin, end, offset), then the names, NUL-terminated.
void CoreMemory::ReadFileNote(const char* data, size_t size) {
  uint64_t count;
  if (size < 2 * sizeof count) return;
  memcpy(&count, data, sizeof count);
  if (count > (size / sizeof(uint64_t) - 2) / 3) return;
  const size_t names_at = (2 + 3 * count) * sizeof(uint64_t);
  const char* name = data + names_at;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t left = static_cast<size_t>(data + size - name);
    const size_t length = strnlen(name, left);
    if (length == left) return;
    uint64_t range[2];
    memcpy(range, data + (2 + 3 * i) * sizeof(uint64_t), sizeof range);
    files_[range[0]] = {range[1], name};
    if (file_names_.empty() || file_names_.back() != name) file_names_.push_back(name);
    name += length + 1;
  }
}

ssize_t CoreMemory::Read(uint64_t address, void* out, size_t size) {
  const auto segment = std::prev(offsets_.upper_bound(address));
  const uint64_t offset = segment->second + (address - segment->first);
  const ssize_t n = pread(file_.get(), out, size, static_cast<off_t>(offset));
  if (n < 0) return -errno;
  return n == 0 ? -ENODATA : n;  // The file is cut off.
}

}  // namespace secure_alloc
