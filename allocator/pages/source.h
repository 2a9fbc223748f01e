// Where pages come from. Protection is a property of the source, and so of every
// page in an arena made from it.
//
// All functions work on page ranges inside the space, return 0 or an errno value,
// leave nothing half done on failure, and are called under the page heap's lock.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

enum class Protection : uint8_t { kPlain, kLocked, kSecret };

// What a forked child finds in the place of the pages.
enum class InChild : uint8_t {
  kCopied,  // by the kernel, as with any private memory (locks are not inherited)
  kAbsent,  // nothing, unless a copy is moved there
  kShared,  // the parent's own pages
};

class Source {
 public:
  constexpr Source() = default;
  virtual Protection protection() const = 0;
  virtual InChild in_child() const = 0;

  // Reserved space becomes this source's pages, all zero, charged to its limits.
  [[nodiscard]] virtual int Map(void* address, size_t length) const = 0;
  // ... and reserved space again. Contents are gone. False: that was refused, and something stays
  // there, or nothing and others may map there: nobody of us may come there again.
  [[nodiscard]] virtual bool Unmap(void* address, size_t length) const = 0;

  // Makes pages ready before they are first handed out, so that touching them
  // cannot fail later.
  [[nodiscard]] virtual int Prepare(void* address, size_t length) const = 0;
  // Pages that are handed back, all zero; true if they must be prepared again.
  virtual bool Retire(void* address, size_t length) const = 0;

  // Makes one page inaccessible / accessible again.
  [[nodiscard]] virtual int Guard(void* address, size_t length) const = 0;
  [[nodiscard]] virtual int Unguard(void* address, size_t length) const = 0;

  // Puts accessible pages of Map under a protection key (os/keys.h), or by os::kNoKey under none.
  [[nodiscard]] virtual int SetKey(void* address, size_t length, unsigned key) const = 0;

 protected:
  ~Source() = default;
};

}  // namespace secure_alloc
