// A domain is a heap and a policy: where its memory comes from, how much of it, what
// happens when it can't be had, and what a forked child gets. Ordinary malloc uses the
// public domain, secrets the secret one, or one that the program has created.
//
// A secret never silently becomes less than its policy says: each step down the ladder
// is counted, and told on standard error once in a process and its forked children.
#pragma once

#include <atomic>
#include <cstddef>

#include "allocator/domain/options.h"
#include "allocator/heap/heap.h"

namespace secure_alloc {

class Domain {
 public:
  constexpr Domain(const char* name, Heap& heap, DomainRecord& record)
      : name_(name), heap_(heap), record_(record) {}

  // Zeroed memory, or null: then errno is to be ENOMEM. Alignment: a power of two. Of size zero:
  // nobody's memory, and in no created domain.
  [[nodiscard]] void* Allocate(size_t request, size_t alignment);

  // The same with pages to itself: see Heap. Never less protected than the domain.
  [[nodiscard]] void* AllocateOwnPages(size_t request, size_t alignment, bool at_end);

  // The same for an object that is resized: with room to grow in place, where that costs address
  // space only. Null: try Allocate().
  [[nodiscard]] void* AllocateResized(size_t old_size, size_t request);

  // See Heap and PageHeap.
  [[nodiscard]] int ReserveObjects(size_t request, size_t count);
  [[nodiscard]] int ReservePages(size_t pages);

  // The key that its pages are under, or os::kNoKey. What is done here, and by free, opens it.
  unsigned key() const { return heap_.pages().key(); }

  const char* name() const { return name_; }
  Heap& heap() { return heap_; }
  const DomainRecord& record() const { return record_; }

  // For secrets, before the first allocation: where pages come from, what to do when they
  // can't be had, and what a forked child gets.
  void SetPolicy(Fallback fallback, ForkPolicy fork);
  Fallback fallback() const { return fallback_; }
  ForkPolicy fork() const { return fork_; }

 private:
  void* AllocateFallback(size_t request, size_t alignment, int error);
  void* Refuse(size_t request, int error);
  void TellFallbacks();

  const char* const name_;
  Heap& heap_;
  DomainRecord& record_;
  Fallback fallback_ = Fallback::kNone;
  ForkPolicy fork_ = ForkPolicy::kCopy;
  bool for_secrets_ = false;
  std::atomic<size_t> told_fallbacks_{0};
};

extern constinit Domain public_domain;
extern constinit Domain secret_domain;

// What freed large secrets may hold until they are reused, of so large a budget.
size_t QueuedLimitFor(size_t budget);

// Makes a record that of a domain with this name.
void OpenRecord(DomainRecord& record, const char* name);

// Sets policy and, if the option says it, budget of the secret domain. Once, before its first
// allocation.
void ConfigureSecretDomain(const Options& options);

}  // namespace secure_alloc
