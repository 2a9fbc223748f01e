// A domain is a heap and a policy: where its memory comes from, how much of it, what
// happens when it can't be had, and what a forked child gets. Ordinary malloc uses the
// public domain, secrets the other.
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
  constexpr Domain(const char* name, Heap& heap) : name_(name), heap_(heap) {}

  // Zeroed memory for `request` > 0 bytes, or null: then errno is to be ENOMEM.
  // Alignment: a power of two.
  [[nodiscard]] void* Allocate(size_t request, size_t alignment);

  // The same for an object that is growing and will go on: with room to do so in place,
  // where that costs address space only. Null: try Allocate().
  [[nodiscard]] void* AllocateGrowing(size_t request);

  const char* name() const { return name_; }
  Heap& heap() { return heap_; }
  size_t degraded_allocations() const { return degraded_.load(std::memory_order_relaxed); }
  size_t refused_allocations() const { return refused_.load(std::memory_order_relaxed); }

  // What to do when the heap has no memory; `plain` serves Fallback::kPlain.
  void SetFallback(Fallback fallback, Domain* plain) {
    fallback_ = fallback;
    plain_ = plain;
  }

 private:
  void* AllocateFallback(size_t request, size_t alignment, int error);

  const char* const name_;
  Heap& heap_;
  Fallback fallback_ = Fallback::kNone;
  Domain* plain_ = nullptr;
  std::atomic<size_t> degraded_{0};
  std::atomic<size_t> refused_{0};
  std::atomic<size_t> told_fallbacks_{0};
};

extern constinit Domain public_domain;
extern constinit Domain secret_domain;

// The domain of an object, by its bin.
inline Domain& DomainOf(unsigned bin) { return bin < kHeapStride ? public_domain : secret_domain; }

// Sets ladder and budget of the secret domain. Once, before its first allocation.
void ConfigureSecretDomain(const Options& options);

}  // namespace secure_alloc
