// Domains that the program creates: each with a heap of its own, a quota of the budget, and a
// policy. Destroying one wipes and gives back everything that is in it.
//
// Locking: the list by a lock of rank 2.
#pragma once

#include "allocator/domain/domain.h"
#include "allocator/heap/private_heap.h"

namespace secure_alloc {

struct DomainConfig {
  const char* name;
  size_t quota;  // bytes
  Fallback fallback;
  ForkPolicy fork;
  bool keyed;  // its pages are under a protection key
};

class CreatedDomain final : public PrivateHeap {
 public:
  // Null, and why: EPERM growth is locked down; ENOMEM; ENOSPC or EOPNOTSUPP: no key.
  static CreatedDomain* New(const DomainConfig& config, int* error);
  // Nobody uses the domain or anything in it any more.
  static void Delete(CreatedDomain* domain);

  // The domain of an object with one of the domain bins.
  static CreatedDomain& Of(const void* object) {
    return static_cast<CreatedDomain&>(PrivateHeap::Of(object));
  }

  Domain& domain() { return domain_; }
  const Budget& quota() const { return quota_; }

 private:
  friend class SecretDomains;
  // record: null if there is no place for it.
  CreatedDomain(const DomainConfig& config, unsigned key, DomainRecord* record);

  DomainRecord own_record_ = {};
  DomainRecord& record_;
  Budget quota_;
  Domain domain_;
  CreatedDomain* next_ = nullptr;
};

// All domains for secrets: the standard one, then the created ones, newest first.
class SecretDomains {
 public:
  static Mutex& mutex();
  template <typename Visit>
  static void ForEach(Visit visit) SA_REQUIRES(mutex()) {
    visit(secret_domain);
    for (CreatedDomain* at = first_; at != nullptr; at = at->next_) visit(at->domain_);
  }

 private:
  friend class CreatedDomain;
  static CreatedDomain* first_;
};

// The domain of a live object of ours.
Domain& DomainOf(const void* object, unsigned first_bin);

}  // namespace secure_alloc
