// The options of the preloaded library as `secalloc run` takes them: checked here, where a
// mistake can be answered, and handed on in SECALLOC_OPTIONS.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace secure_alloc {

class Settings {
 public:
  // The names, as "--NAME" options too.
  static const std::vector<std::string_view>& Names();

  // From the environment's SECALLOC_OPTIONS; what it holds is kept as it is.
  explicit Settings(std::string_view options);

  // Replaces what was set. False, with the reason, for unknown names and impossible values.
  [[nodiscard]] bool Set(const std::string& name, const std::string& value, std::string* error);
  // "NAME=VALUE".
  [[nodiscard]] bool SetPair(const std::string& pair, std::string* error);

  // The value of a name, empty if it isn't set.
  std::string Get(std::string_view name) const;
  // "name=value,name=value".
  std::string Text() const;

 private:
  void Replace(const std::string& name, const std::string& value);

  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace secure_alloc
