// What a process tells of its secret memory: figures only, no addresses, no contents. They
// are counted here and nowhere else, so that secalloc_stats, the summary at exit and
// `secalloc stats PID` agree. The last one reads them from outside by /proc/PID/mem and finds
// them by an ELF note in the library, so that a program pays nothing for it and is not
// disturbed. A forked child has its own, as with all ordinary memory.
//
// Readers rely on the layout: a change of it is a new version.
#pragma once

#include <atomic>
#include <cstdint>

namespace secure_alloc {

// Add: by one thread at a time. AddShared: by any. Relaxed: each figure stands for itself.
class Counter {
 public:
  constexpr Counter(uint64_t value = 0) : value_(value) {}

  uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(uint64_t n) { Set(get() + n); }
  void Subtract(uint64_t n) { Set(get() - n); }
  void AddShared(uint64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }

 private:
  friend class Budget;
  std::atomic<uint64_t> value_;
};

// The kinds of memory that figures are told apart by: plain, locked, secret.
inline constexpr unsigned kProtections = 3;

struct PageRecord {
  Counter arenas[kProtections];
  Counter mapped_bytes[kProtections];  // in arenas
  Counter used_bytes[kProtections];    // of those, in runs
  Counter faulted_pages;               // made ready through the kernel, ever
  Counter unguarded_runs;              // large objects without guard pages, ever
  Counter fallback_arenas;             // from other than the first source, ever
  Counter copied_pages;                // for forked children, ever
};

struct BudgetRecord {
  constexpr BudgetRecord(uint64_t most = 0) : limit(most) {}
  Counter limit;  // bytes, as all here
  Counter used;
  Counter high_water;
};

struct DomainRecord {
  char name[32];
  Counter exists;
  BudgetRecord budget;  // of the first domain: all
  PageRecord pages;
  Counter degraded_objects;  // ordinary by fallback=plain
  Counter refused_objects;
  Counter keys;  // protection keys, 0 or 1
};

// Memory made secret in place, of all kinds.
struct PromotionRecord {
  Counter bytes;
  Counter pool_bytes;  // faulted in, for promotions to come
  Counter promotions;  // calls that succeeded, ever
  Counter demotions;
};

struct Record {
  static constexpr char kMagic[16] = "secure_alloc 1\n";
  static constexpr unsigned kDomains = 64;

  char magic[16] = {'s', 'e', 'c', 'u', 'r', 'e', '_', 'a', 'l', 'l', 'o', 'c', ' ', '1', '\n', 0};
  Counter process;           // its id; 0: this copy of the library is not in use
  Counter unlisted_domains;  // that found no place below
  PromotionRecord promotion;
  PageRecord ordinary_slabs;
  PageRecord ordinary_large;
  DomainRecord domains[kDomains];  // the first is the standard one for secrets
};

// The note: owner, type, and 8 bytes with the distance from themselves to the record.
inline constexpr char kRecordNoteOwner[] = "secure_alloc";
inline constexpr uint32_t kRecordNoteType = 1;

// The name is for the note, which is made in assembly.
extern constinit Record process_record asm("secure_alloc_process_record");

}  // namespace secure_alloc
