#include "allocator/domain/created_domain.h"

#include <cstring>
#include <new>

#include "allocator/base/bits.h"
#include "allocator/os/os.h"
#include "allocator/pages/sources.h"

namespace secure_alloc {
namespace {

constexpr size_t kMappingSize = RoundUp(sizeof(CreatedDomain), kPageSize);

constinit Mutex list_mutex;

}  // namespace

constinit CreatedDomain* SecretDomains::first_ = nullptr;

Mutex& SecretDomains::mutex() { return list_mutex; }

CreatedDomain::CreatedDomain(const DomainConfig& config)
    : PrivateHeap(secret_source, &quota_, QueuedLimitFor(config.quota)),
      quota_(config.quota, &secret_budget),
      domain_(name_, heap()) {
  std::strncpy(name_, config.name, kNameSize - 1);
  name_[kNameSize - 1] = '\0';
  domain_.SetPolicy(config.fallback, config.fork);
}

CreatedDomain* CreatedDomain::New(const DomainConfig& config) {
  // Between inaccessible pages, as all metadata are.
  char* const mapping = static_cast<char*>(os::Reserve(kMappingSize + 2 * kPageSize));
  if (mapping == nullptr) return nullptr;
  if (os::Commit(mapping + kPageSize, kMappingSize) != 0) {
    os::Unmap(mapping, kMappingSize + 2 * kPageSize);
    return nullptr;
  }
  // The constructor writes to all of it: no page fault is left for later.
  CreatedDomain* const domain = new (mapping + kPageSize) CreatedDomain(config);
  MutexLock lock(SecretDomains::mutex());
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
  domain->Close();
  os::Unmap(reinterpret_cast<char*>(domain) - kPageSize, kMappingSize + 2 * kPageSize);
}

Domain& DomainOf(const void* object, unsigned first_bin) {
  if (first_bin == kDomainBins) return CreatedDomain::Of(object).domain();
  return first_bin == kSecretBins ? secret_domain : public_domain;
}

}  // namespace secure_alloc
