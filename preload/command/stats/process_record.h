// The record of a process that runs with the library, read from outside: its memory is read,
// nothing is asked of the program.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "allocator/record/record.h"
#include "preload/command/scan/process_memory.h"

namespace secure_alloc {

// Where an ELF image that begins at `image` says its record is; 0: it says nothing.
uint64_t FindRecord(Memory& memory, uint64_t image);

class ProcessRecord {
 public:
  // Null, with the cause and its fix in `error`.
  static std::unique_ptr<ProcessRecord> Open(pid_t pid, std::string* error);

  // Reads the figures anew; false when the process has ended.
  [[nodiscard]] bool Read();
  const Record& figures() const { return *record_; }
  const ProcessMemory& process() const { return *memory_; }

 private:
  ProcessRecord(std::unique_ptr<ProcessMemory> memory, uint64_t address);

  std::unique_ptr<ProcessMemory> memory_;
  uint64_t address_;
  std::unique_ptr<Record> record_;
};

}  // namespace secure_alloc
