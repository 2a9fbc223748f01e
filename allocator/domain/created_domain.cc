#include "allocator/domain/created_domain.h"

#include <errno.h>

#include <algorithm>
#include <new>

#include "allocator/base/guarded.h"
#include "allocator/domain/default_budget.h"
#include "allocator/domain/lockdown.h"
#include "allocator/os/keys.h"
#include "allocator/pages/sources.h"

namespace secure_alloc {
namespace {

// Without a quota a domain lets as much wait for reuse as one with this share of the budget.
constexpr size_t kShareWithoutQuota = 8;

constinit Mutex list_mutex;

// A place for a domain's figures, or null.
DomainRecord* FindRecord() {
  for (DomainRecord& record : process_record.domains) {
    if (record.exists.get() == 0) return &record;
  }
  return nullptr;
}

}  // namespace

constinit CreatedDomain* SecretDomains::first_ = nullptr;

Mutex& SecretDomains::mutex() { return list_mutex; }

CreatedDomain::CreatedDomain(const DomainConfig& config, unsigned key, DomainRecord* record)
    : PrivateHeap(
          secret_source, &quota_, (record != nullptr ? *record : own_record_).pages,
          QueuedLimitFor(std::min(config.quota, secret_budget.limit() / kShareWithoutQuota))),
      record_(record != nullptr ? *record : own_record_),
      quota_(&secret_budget, record_.budget),
      domain_(record_.name, heap(), record_) {
  OpenRecord(record_, config.name);
  record_.keys.Set(key != os::kNoKey);
  SetKey(key);
  quota_.SetLimit(config.quota);
  domain_.SetPolicy(config.fallback, config.fork);
}

CreatedDomain* CreatedDomain::New(const DomainConfig& config, int* error) {
  SettleBudget();
  MutexLock lock(SecretDomains::mutex());
  if ((LockedDown() & kLockGrowth) != 0) {
    *error = EPERM;
    return nullptr;
  }
  unsigned key = os::kNoKey;
  *error = config.keyed ? os::AllocateKey(&key) : 0;
  if (*error != 0) return nullptr;
  char* const place = MapGuarded(sizeof(CreatedDomain));
  if (place == nullptr) {
    if (key != os::kNoKey) os::FreeKey(key);
    *error = ENOMEM;
    return nullptr;
  }
  DomainRecord* const record = FindRecord();
  if (record == nullptr) process_record.unlisted_domains.Add(1);
  // The constructor writes to all of it: no page fault is left for later.
  CreatedDomain* const domain = new (place) CreatedDomain(config, key, record);
  // It has no arenas yet: nothing can be refused.
  if ((LockedDown() & kLockMaps) != 0) SA_CHECK(domain->SealArenas() == 0);
  domain->next_ = SecretDomains::first_;
  SecretDomains::first_ = domain;
  return domain;
}

void CreatedDomain::Delete(CreatedDomain* domain) {
  {
    MutexLock lock(SecretDomains::mutex());
    CreatedDomain** link = &SecretDomains::first_;
    while (*link != domain) link = &(*link)->next_;
    *link = domain->next_;
  }
  {
    MutexLock lock(domain->heap().large().mutex());
    MutexLock pages_lock(domain->mutex());
    domain->heap().large().OpenAll(*domain);
  }
  {
    const os::KeyOpened opened(domain->key());
    domain->Close();
  }
  if (const unsigned key = domain->key(); key != os::kNoKey) {
    os::SetAccessBy(key, os::KeyAccess::kNone);
    os::FreeKey(key);
  }
  {
    MutexLock lock(SecretDomains::mutex());
    if (&domain->record_ == &domain->own_record_) {
      process_record.unlisted_domains.Subtract(1);
    } else {
      new (&domain->record_) DomainRecord{};
    }
  }
  UnmapGuarded(domain, sizeof(CreatedDomain));
}

Domain& DomainOf(const void* object, unsigned first_bin) {
  if (first_bin == kDomainBins) return CreatedDomain::Of(object).domain();
  return first_bin == kSecretBins ? secret_domain : public_domain;
}

}  // namespace secure_alloc
