#include "allocator/api/stats.h"

#include "allocator/api/advice.h"
#include "allocator/domain/created_domain.h"
#include "allocator/domain/default_budget.h"
#include "allocator/promote/promoter.h"
#include "allocator/record/record.h"

namespace secure_alloc {
namespace {

constexpr auto kSecret = static_cast<unsigned>(Protection::kSecret);
constexpr auto kLocked = static_cast<unsigned>(Protection::kLocked);

void AddDomain(const DomainRecord& record, struct secalloc_stats* stats) {
  const PageRecord& pages = record.pages;
  stats->domains += 1;
  stats->secret_arenas += pages.arenas[kSecret].get();
  stats->secret_bytes += pages.mapped_bytes[kSecret].get();
  stats->secret_used_bytes += pages.used_bytes[kSecret].get();
  stats->locked_arenas += pages.arenas[kLocked].get();
  stats->locked_bytes += pages.mapped_bytes[kLocked].get();
  stats->locked_used_bytes += pages.used_bytes[kLocked].get();
  stats->faulted_pages += pages.faulted_pages.get();
  stats->degraded_arenas += pages.fallback_arenas.get();
  stats->degraded_allocations += record.degraded_objects.get();
  stats->refused_allocations += record.refused_objects.get();
  stats->unguarded_objects += pages.unguarded_runs.get();
  stats->protection_keys += record.keys.get();
  stats->fork_copied_pages += pages.copied_pages.get();
}

void AddPromotion(struct secalloc_stats* stats) {
  const PromotionUsage promotion = promoter.GetUsage();
  stats->promoted_bytes = promotion.bytes;
  stats->promotion_pool_bytes = promotion.pool_bytes;
  stats->promotions = promotion.promotions;
  stats->demotions = promotion.demotions;
  stats->promotion_method = NameOf(promoter.BestMethod());
}

void AddBudget(const BudgetRecord& budget, struct secalloc_stats* stats) {
  stats->budget_bytes = budget.limit.get();
  stats->arena_bytes = budget.used.get();
  stats->high_water_bytes = budget.high_water.get();
}

}  // namespace

void CollectStats(struct secalloc_stats* stats) {
  *stats = {};
  SettleBudget();
  {
    MutexLock lock(SecretDomains::mutex());
    SecretDomains::ForEach([stats](Domain& domain) { AddDomain(domain.record(), stats); });
  }
  // Before the budget is read, as it may find that promoted memory has been unmapped.
  AddPromotion(stats);
  AddBudget(process_record.domains[0].budget, stats);
  for (const PageRecord* pages : {&process_record.ordinary_slabs, &process_record.ordinary_large}) {
    stats->ordinary_bytes += pages->used_bytes[static_cast<unsigned>(Protection::kPlain)].get();
    stats->unguarded_objects += pages->unguarded_runs.get();
  }
}

void CollectStats(Domain& domain, struct secalloc_stats* stats) {
  *stats = {};
  AddDomain(domain.record(), stats);
  AddBudget(domain.record().budget, stats);
}

}  // namespace secure_alloc
