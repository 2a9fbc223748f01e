#include "preload/command/stats/process_record.h"

#include <elf.h>

#include <cstring>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

bool ReadAll(Memory& memory, uint64_t address, void* out, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = memory.Read(address + done, static_cast<char*>(out) + done, size - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

constexpr uint64_t Padded(uint64_t size) { return (size + 3) & ~uint64_t{3}; }

// The record named by one of the notes in [at, end), or 0.
uint64_t FindInNotes(Memory& memory, uint64_t at, uint64_t end) {
  Elf64_Nhdr note;
  for (; at + sizeof note <= end;
       at += sizeof note + Padded(note.n_namesz) + Padded(note.n_descsz)) {
    if (!ReadAll(memory, at, &note, sizeof note)) return 0;
    char owner[sizeof kRecordNoteOwner];
    const uint64_t name = at + sizeof note, distance_at = name + Padded(sizeof owner);
    int64_t distance;
    if (note.n_namesz == sizeof owner && note.n_descsz == sizeof distance &&
        note.n_type == kRecordNoteType && ReadAll(memory, name, owner, sizeof owner) &&
        std::memcmp(owner, kRecordNoteOwner, sizeof owner) == 0 &&
        ReadAll(memory, distance_at, &distance, sizeof distance)) {
      return distance_at + static_cast<uint64_t>(distance);
    }
  }
  return 0;
}

bool IsRecord(const Record& record) {
  return std::memcmp(record.magic, Record::kMagic, sizeof record.magic) == 0;
}

}  // namespace

uint64_t FindRecord(Memory& memory, uint64_t image) {
  Elf64_Ehdr header;
  if (!ReadAll(memory, image, &header, sizeof header)) return 0;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return 0;
  }
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const uint64_t at = image + header.e_phoff + i * sizeof segment;
    if (!ReadAll(memory, at, &segment, sizeof segment)) return 0;
    if (segment.p_type != PT_NOTE) continue;
    // A shared library is linked from address 0 on.
    const uint64_t notes = image + segment.p_vaddr;
    if (const uint64_t record = FindInNotes(memory, notes, notes + segment.p_memsz)) return record;
  }
  return 0;
}

ProcessRecord::ProcessRecord(std::unique_ptr<ProcessMemory> memory, uint64_t address)
    : memory_(std::move(memory)), address_(address), record_(std::make_unique<Record>()) {}

bool ProcessRecord::Read() {
  return ReadAll(*memory_, address_, record_.get(), sizeof *record_) && IsRecord(*record_);
}

std::unique_ptr<ProcessRecord> ProcessRecord::Open(pid_t pid, std::string* error) {
  std::unique_ptr<ProcessMemory> memory = ProcessMemory::Open(pid, error);
  if (memory == nullptr) return nullptr;
  std::unique_ptr<ProcessRecord> found(new ProcessRecord(std::move(memory), 0));
  for (const Mapping& mapping : found->memory_->mappings()) {
    if (!mapping.name.starts_with('/') || mapping.secret) continue;
    found->address_ = FindRecord(*found->memory_, mapping.begin);
    // Of two copies of the library one hands its calls to the other, and has no figures.
    if (found->address_ != 0 && found->Read() && found->figures().process.get() != 0) return found;
  }
  *error = Format("%s does not run with secure_alloc; start it with `secalloc run -- PROGRAM`",
                  found->memory_->Description().c_str());
  return nullptr;
}

}  // namespace secure_alloc
