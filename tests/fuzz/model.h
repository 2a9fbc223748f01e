// Live objects and what they must hold: the model that heaps are compared with.
#pragma once

#include <malloc.h>
#include <string.h>

#include <map>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/fuzz/fuzz.h"

namespace secure_alloc::test {

class Model {
 public:
  bool empty() const { return objects_.empty(); }
  size_t count() const { return objects_.size(); }

  // A new object, or null: refusals are the world's right.
  void Add(void* object, size_t size, size_t alignment) {
    if (object == nullptr) return;
    char* const begin = static_cast<char*>(object);
    Must(reinterpret_cast<uintptr_t>(begin) % alignment == 0);
    Must(secalloc_usable_size(begin) == size);
    const auto next = objects_.lower_bound(begin);
    Must(next == objects_.end() || begin + size < next->first);
    if (next != objects_.begin()) {
      const auto before = std::prev(next);
      Must(before->first + before->second.size < begin);
    }
    MustBe(begin, size, 0);
    const char content = static_cast<char>(++contents_ | 1);
    memset(begin, content, size);
    objects_[begin] = {size, content};
  }

  // Forgets one, its contents checked, and returns it.
  void* Remove(Choices& choices, size_t* size = nullptr) {
    auto at = objects_.begin();
    std::advance(at, choices.Below(static_cast<uint32_t>(objects_.size())));
    MustBe(at->first, at->second.size, at->second.content);
    if (size != nullptr) *size = at->second.size;
    last_content_ = at->second.content;
    char* const object = at->first;
    objects_.erase(at);
    return object;
  }

  // What Remove() returned has become `object`, of another size; null: it is as it was.
  void AddResized(void* was, size_t old_size, void* object, size_t size) {
    if (object == nullptr) {
      objects_[static_cast<char*>(was)] = {old_size, last_content_};
      return;
    }
    char* const begin = static_cast<char*>(object);
    const size_t kept = old_size < size ? old_size : size;
    MustBe(begin, kept, last_content_);
    // A shrinking object that could not move keeps its size.
    Must(secalloc_usable_size(begin) == size || secalloc_usable_size(begin) == old_size);
    const size_t now = secalloc_usable_size(begin);
    MustBe(begin + kept, now - kept, 0);
    memset(begin, last_content_, now);
    objects_[begin] = {now, last_content_};
  }

 private:
  struct Object {
    size_t size;
    char content;
  };

  static void MustBe(const char* bytes, size_t size, char value) {
    for (size_t i = 0; i < size; ++i) Must(bytes[i] == value);
  }

  std::map<char*, Object> objects_;
  unsigned contents_ = 0;
  char last_content_ = 0;
};

// Mostly small, with every magnitude up to 3 MiB.
inline size_t ChooseSize(Choices& choices) {
  const size_t magnitude = size_t{1} << choices.Byte() % 16;
  const size_t size = 1 + magnitude + choices.Byte() * magnitude / 256;
  return choices.Byte() % 64 == 0 ? size * 48 : size;
}

}  // namespace secure_alloc::test
