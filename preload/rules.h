// Which domain a call belongs to, by who makes it.
//
// scope=modules: a call whose return address lies in a listed module is served by the
// secret domain. The answer is kept for each page of code in a small direct-mapped
// table, so an unlisted caller pays a load, a compare and an add. What the dynamic loader
// itself allocates announces that modules come (or came and went) and empties the
// table: dlclose followed by another module at the same address can't be missed, and
// dlopen need not be interposed, which would break RUNPATH.
//
// Limits: a tail call hides the caller (NSPR's PR_Malloc jumps to malloc, so its
// caller is seen), hence the libraries around the crypto ones in the default list; what
// libc allocates for a listed caller (stdio buffers, getline, asprintf) is ordinary memory,
// zero once it is freed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace secure_alloc::rules {

inline constexpr unsigned kEntries = 1024;
inline constexpr unsigned kCodePageShift = 12;

// Page number << 8 | first bin. Relaxed: an entry is one word, right or not there.
[[gnu::visibility("hidden")]] extern constinit std::atomic<uint64_t> table[kEntries];

// At load, once the options are known.
void Prepare();

// `size`: the bytes asked for, for the option trace.
unsigned DomainOfSlow(const void* caller, size_t size);

// The first bin of the domain for a call returning to `caller`; false if it is not in
// the table.
inline bool Lookup(const void* caller, unsigned* domain) {
  const uint64_t page = reinterpret_cast<uintptr_t>(caller) >> kCodePageShift;
  const uint64_t entry = table[page % kEntries].load(std::memory_order_relaxed);
  *domain = static_cast<unsigned>(entry & 0xFF);
  return entry >> 8 == page;
}

inline unsigned DomainOf(const void* caller, size_t size) {
  unsigned domain;
  if (!Lookup(caller, &domain)) [[unlikely]] return DomainOfSlow(caller, size);
  return domain;
}

}  // namespace secure_alloc::rules
