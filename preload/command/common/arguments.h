// The words of a command line, one after the other.
//
//   Arguments arguments(words);
//   while (arguments.Next()) {
//     if (arguments.Flag("--json")) ...
//     else if (arguments.Value("--key", &path)) ...      "--key=PATH" or "--key PATH"
//     else if (!arguments.IsOption()) ... arguments.word()
//     else return arguments.Unknown("scan", kOptions);
//   }
//   if (arguments.failed()) return kExitUsage;
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace secure_alloc {

using Words = std::vector<std::string>;

class Arguments {
 public:
  explicit Arguments(Words words) : words_(std::move(words)) {}

  // False at the end, at "--" (which is taken), and after a failure.
  bool Next();
  const std::string& word() const { return words_[at_ - 1]; }
  bool IsOption() const { return word().size() > 1 && word()[0] == '-'; }
  bool Flag(std::string_view name) const { return word() == name; }
  // A value that is missing is reported, and failed() from then on.
  bool Value(std::string_view name, std::string* value);
  // Says which option is unknown and which was perhaps meant; gives the exit code.
  int Unknown(std::string_view command, std::span<const std::string_view> known) const;

  bool failed() const { return failed_; }
  // The present word was not an option: it and what follows is someone else's.
  void PutBack() { --at_; }
  Words Rest() const { return Words(words_.begin() + static_cast<long>(at_), words_.end()); }

 private:
  Words words_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace secure_alloc
