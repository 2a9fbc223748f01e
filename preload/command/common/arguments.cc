#include "preload/command/common/arguments.h"

#include "preload/command/common/message.h"
#include "preload/command/common/nearest.h"

namespace secure_alloc {

bool Arguments::Next() {
  if (failed_ || at_ == words_.size()) return false;
  ++at_;
  return word() != "--";
}

bool Arguments::Value(std::string_view name, std::string* value) {
  const std::string& present = word();
  if (present == name) {
    if (at_ == words_.size()) {
      Complain("%s needs a value", present.c_str());
      failed_ = true;
      return true;
    }
    *value = words_[at_++];
    return true;
  }
  if (present.size() <= name.size() || !present.starts_with(name)) return false;
  if (present[name.size()] != '=') return false;
  *value = present.substr(name.size() + 1);
  return true;
}

int Arguments::Unknown(std::string_view command, std::span<const std::string_view> known) const {
  const std::string name = word().substr(0, word().find('='));
  const std::string meant = DidYouMean(name, known);
  Complain("%.*s: %s %s%s", static_cast<int>(command.size()), command.data(),
           IsOption() ? "unknown option" : "unexpected word", name.c_str(),
           meant.empty() ? "; see --help" : meant.c_str());
  return kExitUsage;
}

}  // namespace secure_alloc
