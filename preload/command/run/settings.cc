#include "preload/command/run/settings.h"

#include <algorithm>

#include "preload/command/common/nearest.h"
#include "preload/command/common/size.h"

namespace secure_alloc {
namespace {

struct Known {
  std::string_view name;
  std::vector<std::string_view> values;  // none: anything
  std::string_view prefix;               // of values that are also possible
  bool is_size = false;
};

const std::vector<Known>& AllKnown() {
  static const std::vector<Known> known = {
      {"scope", {"modules", "all", "api"}, ""},
      {"modules", {}, ""},
      {"fallback", {"locked", "none", "plain"}, ""},
      {"fork", {"copy", "deny", "share"}, ""},
      {"budget", {}, "", true},
      {"ordinary", {"hardened", "jemalloc", "system"}, ""},
      {"stats", {"0", "1"}, "json:"},
      {"lockdown", {"0", "1"}, ""},
      {"mismatch", {"0", "1"}, ""},
      {"trace", {"0", "1"}, ""},
  };
  return known;
}

// The values, for people.
std::string Possible(const Known& known) {
  if (known.is_size) return "bytes; K, M or G may follow";
  std::string text;
  for (const std::string_view value : known.values) {
    if (!text.empty()) text += ", ";
    text += value;
  }
  return known.prefix.empty() ? text : text + ", " + std::string(known.prefix) + "PATH";
}

bool Allows(const Known& known, std::string_view value) {
  unsigned long long bytes;
  if (known.is_size) return ParseSize(value, &bytes);
  if (known.values.empty()) return true;
  if (!known.prefix.empty() && value.size() > known.prefix.size() &&
      value.starts_with(known.prefix)) {
    return true;
  }
  return std::find(known.values.begin(), known.values.end(), value) != known.values.end();
}

}  // namespace

const std::vector<std::string_view>& Settings::Names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Known& known : AllKnown()) all.push_back(known.name);
    return all;
  }();
  return names;
}

Settings::Settings(std::string_view options) {
  while (!options.empty()) {
    const std::string_view pair = options.substr(0, options.find(','));
    options.remove_prefix(std::min(pair.size() + 1, options.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const size_t value_at = std::min(equals + 1, pair.size());
    Replace(std::string(pair.substr(0, equals)), std::string(pair.substr(value_at)));
  }
}

void Settings::Replace(const std::string& name, const std::string& value) {
  for (auto& [old_name, old_value] : pairs_) {
    if (old_name != name) continue;
    old_value = value;
    return;
  }
  pairs_.emplace_back(name, value);
}

bool Settings::Set(const std::string& name, const std::string& value, std::string* error) {
  const auto known = std::find_if(AllKnown().begin(), AllKnown().end(),
                                  [&](const Known& each) { return each.name == name; });
  if (known == AllKnown().end()) {
    *error = "unknown option " + name + DidYouMean(name, Names());
    return false;
  }
  if (value.empty()) {
    *error = name + " needs a value";
    return false;
  }
  if (value.find(',') != std::string::npos) {
    *error = name + ": ',' separates options; the parts of a list are separated by ':'";
    return false;
  }
  if (!Allows(*known, value)) {
    *error = name + "=" + value + ": no such value" + DidYouMean(value, known->values) + " (" +
             Possible(*known) + ")";
    return false;
  }
  Replace(name, value);
  return true;
}

bool Settings::SetPair(const std::string& pair, std::string* error) {
  const size_t equals = pair.find('=');
  if (equals == std::string::npos) {
    *error = pair + ": give NAME=VALUE";
    return false;
  }
  return Set(pair.substr(0, equals), pair.substr(equals + 1), error);
}

std::string Settings::Get(std::string_view name) const {
  for (const auto& [each, value] : pairs_) {
    if (each == name) return value;
  }
  return "";
}

std::string Settings::Text() const {
  std::string text;
  for (const auto& [name, value] : pairs_) {
    if (!text.empty()) text += ",";
    text += name + "=" + value;
  }
  return text;
}

}  // namespace secure_alloc
