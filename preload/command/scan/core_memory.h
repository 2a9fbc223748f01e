// A core file: its PT_LOAD segments, as much of them as the file holds.
#pragma once

#include <map>
#include <memory>

#include "preload/command/common/elf_file.h"
#include "preload/command/common/file_io.h"
#include "preload/command/scan/memory.h"

namespace secure_alloc {

class CoreMemory : public Memory {
 public:
  // Null, with the cause and its fix in `error`.
  static std::unique_ptr<CoreMemory> Open(const std::string& path, std::string* error);

  std::string Description() const override { return "core file " + path_; }
  const std::vector<Mapping>& mappings() const override { return mappings_; }
  ssize_t Read(uint64_t address, void* out, size_t size) override;
  bool Touched(uint64_t, uint64_t) override { return true; }

  // What the kernel or gcore noted about the process, outside of its memory.
  const std::string& command_line() const { return command_line_; }
  const std::vector<std::string>& file_names() const { return file_names_; }
  // Bytes that the segments had and the file leaves out.
  uint64_t bytes_left_out() const { return bytes_left_out_; }

 private:
  CoreMemory(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  void ReadNotes(const Elf64_Phdr& segment);
  void ReadFileNote(const char* data, size_t size);
  void AddSegment(const Elf64_Phdr& segment);

  std::string path_;
  Descriptor file_;
  std::vector<Mapping> mappings_;
  std::map<uint64_t, uint64_t> offsets_;  // mapping's address -> its place in the file
  std::map<uint64_t, std::pair<uint64_t, std::string>> files_;  // begin -> end, name
  std::vector<std::string> file_names_;
  std::string command_line_;
  uint64_t bytes_left_out_ = 0;
};

}  // namespace secure_alloc
