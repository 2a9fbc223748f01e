// A live process through /proc/PID: its mappings as they were when it was opened.
#pragma once

#include <memory>

#include "preload/command/common/file_io.h"
#include "preload/command/scan/memory.h"

namespace secure_alloc {

// One line of /proc/PID/maps.
[[nodiscard]] bool ParseMapping(const std::string& line, Mapping* mapping);

// All of /proc/PID/smaps, or of /proc/PID/maps where there is no smaps.
std::vector<Mapping> ParseMappings(const std::string& text);

class ProcessMemory : public Memory {
 public:
  // Null, with the cause and its fix in `error`.
  static std::unique_ptr<ProcessMemory> Open(pid_t pid, std::string* error);

  std::string Description() const override;
  const std::vector<Mapping>& mappings() const override { return mappings_; }
  ssize_t Read(uint64_t address, void* out, size_t size) override;
  bool Touched(uint64_t address, uint64_t end) override;

 private:
  ProcessMemory(pid_t pid, Descriptor memory, Descriptor pagemap)
      : pid_(pid), memory_(std::move(memory)), pagemap_(std::move(pagemap)) {}

  pid_t pid_;
  Descriptor memory_, pagemap_;
  std::vector<Mapping> mappings_;
  // The pagemap's entries of the pages from entries_begin_ on.
  std::vector<uint64_t> entries_;
  uint64_t entries_begin_ = 0;
};

}  // namespace secure_alloc
