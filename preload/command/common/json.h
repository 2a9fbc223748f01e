// One JSON object, written field by field.
//
//   JsonObject object;
//   object.Text("name", "x").Number("bytes", 12).Raw("rows", JsonArray(rows));
//   puts(object.str().c_str());
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace secure_alloc {

std::string JsonText(std::string_view text);
std::string JsonArray(const std::vector<std::string>& values);

class JsonObject {
 public:
  JsonObject& Text(std::string_view name, std::string_view value);
  JsonObject& Number(std::string_view name, unsigned long long value);
  JsonObject& Bool(std::string_view name, bool value);
  JsonObject& Raw(std::string_view name, std::string_view json);
  std::string str() const { return "{" + fields_ + "}"; }

 private:
  std::string fields_;
};

}  // namespace secure_alloc
