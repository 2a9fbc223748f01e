#include "preload/command/stats/figures.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "preload/command/common/json.h"
#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr const char* kMemory[kProtections] = {"plain", "locked", "secret"};
constexpr unsigned kPlain = 0, kLocked = 1, kSecret = 2;

using ULL = unsigned long long;

// One counter of a record.
template <typename Part>
struct Figure {
  const char* name;
  const char* help;
  bool counter;  // it only grows
  Counter Part::*value;
};

constexpr Figure<DomainRecord> kDomainFigures[] = {
    {"degraded_objects", "Objects that lie in ordinary memory by fallback=plain.", true,
     &DomainRecord::degraded_objects},
    {"refused_objects", "Secret allocations that failed.", true, &DomainRecord::refused_objects},
    {"protection_keys", "Protection keys held.", false, &DomainRecord::keys},
};

constexpr Figure<PageRecord> kPageFigures[] = {
    {"faulted_pages", "Pages made ready through the kernel.", true, &PageRecord::faulted_pages},
    {"degraded_arenas", "Arenas that are less than the first choice.", true,
     &PageRecord::fallback_arenas},
    {"unguarded_objects", "Large objects without guard pages.", true, &PageRecord::unguarded_runs},
    {"fork_copied_pages", "Pages copied for forked children.", true, &PageRecord::copied_pages},
};

constexpr Figure<BudgetRecord> kBudgetFigures[] = {
    {"limit_bytes", "Most bytes that secret and locked arenas may take.", false,
     &BudgetRecord::limit},
    {"arena_bytes", "Bytes in secret and locked arenas.", false, &BudgetRecord::used},
    {"high_water_bytes", "Most bytes there ever were in secret and locked arenas.", false,
     &BudgetRecord::high_water},
};

constexpr Figure<PromotionRecord> kPromotionFigures[] = {
    {"promoted_bytes", "Bytes made secret in place.", false, &PromotionRecord::bytes},
    {"promotion_pool_bytes", "Bytes ready for promotions to come.", false,
     &PromotionRecord::pool_bytes},
    {"promotions", "Calls that made memory secret in place.", true, &PromotionRecord::promotions},
    {"demotions", "Calls that made such memory ordinary again.", true,
     &PromotionRecord::demotions},
};

struct MemoryFigure {
  const char* name;
  const char* help;
  Counter (PageRecord::*values)[kProtections];
};

constexpr MemoryFigure kMemoryFigures[] = {
    {"arenas", "Arenas.", &PageRecord::arenas},
    {"mapped_bytes", "Bytes in arenas.", &PageRecord::mapped_bytes},
    {"used_bytes", "Bytes of arenas in pages that are in use.", &PageRecord::used_bytes},
};

template <typename Visit>
void ForEachDomain(const Record& record, Visit visit) {
  for (const DomainRecord& domain : record.domains) {
    if (domain.exists.get() != 0) visit(domain);
  }
}

std::string NameOf(const DomainRecord& domain) {
  return std::string(domain.name, strnlen(domain.name, sizeof domain.name));
}

// A quota without a limit is the process's budget.
uint64_t LimitOf(const DomainRecord& domain, const Record& record) {
  return std::min(domain.budget.limit.get(), record.domains[0].budget.limit.get());
}

uint64_t OrdinaryBytes(const Record& record) {
  return record.ordinary_slabs.used_bytes[kPlain].get() +
         record.ordinary_large.used_bytes[kPlain].get();
}

JsonObject DomainAsJson(const DomainRecord& domain, const Record& record) {
  JsonObject object;
  object.Text("name", NameOf(domain));
  object.Number("limit_bytes", LimitOf(domain, record));
  object.Number("arena_bytes", domain.budget.used.get());
  object.Number("high_water_bytes", domain.budget.high_water.get());
  for (const unsigned memory : {kSecret, kLocked}) {
    for (const MemoryFigure& figure : kMemoryFigures) {
      object.Number(Format("%s_%s", kMemory[memory], figure.name),
                    (domain.pages.*figure.values)[memory].get());
    }
  }
  for (const auto& figure : kPageFigures) {
    object.Number(figure.name, (domain.pages.*figure.value).get());
  }
  for (const auto& figure : kDomainFigures) {
    object.Number(figure.name, (domain.*figure.value).get());
  }
  return object;
}

// --- Prometheus --------------------------------------------------------------------------

std::string Label(const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

class Exposition {
 public:
  explicit Exposition(const Record& record) : record_(record) {}

  void Family(const char* name, const char* help, bool counter) {
    const char* const suffix = counter ? "_total" : "";
    name_ = Format("secure_alloc_%s%s", name, suffix);
    text_ += Format("# HELP %s %s\n# TYPE %s %s\n", name_.c_str(), help, name_.c_str(),
                    counter ? "counter" : "gauge");
  }
  void Sample(const std::string& labels, uint64_t value) {
    text_ += Format("%s{pid=\"%llu\"%s} %llu\n", name_.c_str(),
                    static_cast<ULL>(record_.process.get()), labels.c_str(),
                    static_cast<ULL>(value));
  }
  template <typename Value>
  void EachDomain(Value value) {
    ForEachDomain(record_, [&](const DomainRecord& domain) {
      Sample(Format(",domain=\"%s\"", Label(NameOf(domain)).c_str()), value(domain));
    });
  }
  std::string text() const { return text_; }

 private:
  const Record& record_;
  std::string name_;
  std::string text_;
};

}  // namespace

std::string FiguresAsText(const Record& record) {
  const BudgetRecord& all = record.domains[0].budget;
  std::string text = Format("secret memory: %s of %s, at most %s so far; ordinary heap: %s\n",
                            HumanBytes(all.used.get()).c_str(), HumanBytes(all.limit.get()).c_str(),
                            HumanBytes(all.high_water.get()).c_str(),
                            HumanBytes(OrdinaryBytes(record)).c_str());
  text += Format("%-24s %-7s %7s %10s %10s %10s %8s %8s\n", "domain", "memory", "arenas", "mapped",
                 "in use", "limit", "degraded", "refused");
  ForEachDomain(record, [&](const DomainRecord& domain) {
    for (const unsigned memory : {kSecret, kLocked}) {
      const PageRecord& pages = domain.pages;
      if (memory == kLocked && pages.arenas[kLocked].get() == 0) continue;
      text += Format("%-24s %-7s %7llu %10s %10s %10s %8llu %8llu\n", NameOf(domain).c_str(),
                     kMemory[memory], static_cast<ULL>(pages.arenas[memory].get()),
                     HumanBytes(pages.mapped_bytes[memory].get()).c_str(),
                     HumanBytes(pages.used_bytes[memory].get()).c_str(),
                     HumanBytes(LimitOf(domain, record)).c_str(),
                     static_cast<ULL>(domain.degraded_objects.get()),
                     static_cast<ULL>(domain.refused_objects.get()));
    }
  });
  const PromotionRecord& promotion = record.promotion;
  if (promotion.promotions.get() != 0) {
    text += Format("secret in place: %s, by %llu calls; %s more are ready for others\n",
                   HumanBytes(promotion.bytes.get()).c_str(),
                   static_cast<ULL>(promotion.promotions.get()),
                   HumanBytes(promotion.pool_bytes.get()).c_str());
  }
  if (const uint64_t others = record.unlisted_domains.get(); others != 0) {
    text += Format("and %llu domains more\n", static_cast<ULL>(others));
  }
  return text;
}

std::string FiguresAsJson(const Record& record) {
  std::vector<std::string> domains;
  ForEachDomain(record, [&](const DomainRecord& domain) {
    domains.push_back(DomainAsJson(domain, record).str());
  });
  const BudgetRecord& all = record.domains[0].budget;
  JsonObject object;
  object.Number("pid", record.process.get())
      .Number("budget_bytes", all.limit.get())
      .Number("arena_bytes", all.used.get())
      .Number("high_water_bytes", all.high_water.get())
      .Number("ordinary_bytes", OrdinaryBytes(record))
      .Number("unlisted_domains", record.unlisted_domains.get());
  for (const auto& figure : kPromotionFigures) {
    object.Number(figure.name, (record.promotion.*figure.value).get());
  }
  return object.Raw("domains", JsonArray(domains)).str();
}

std::string FiguresAsPrometheus(const Record& record) {
  Exposition out(record);
  out.Family("ordinary_bytes", "Bytes of the ordinary heap in pages that are in use.", false);
  out.Sample("", OrdinaryBytes(record));
  for (const auto& figure : kPromotionFigures) {
    out.Family(figure.name, figure.help, figure.counter);
    out.Sample("", (record.promotion.*figure.value).get());
  }
  for (const auto& figure : kBudgetFigures) {
    out.Family(figure.name, figure.help, figure.counter);
    out.EachDomain([&](const DomainRecord& domain) { return (domain.budget.*figure.value).get(); });
  }
  for (const MemoryFigure& figure : kMemoryFigures) {
    out.Family(figure.name, figure.help, false);
    ForEachDomain(record, [&](const DomainRecord& domain) {
      for (const unsigned memory : {kSecret, kLocked}) {
        out.Sample(Format(",domain=\"%s\",memory=\"%s\"", Label(NameOf(domain)).c_str(),
                          kMemory[memory]),
                   (domain.pages.*figure.values)[memory].get());
      }
    });
  }
  for (const auto& figure : kPageFigures) {
    out.Family(figure.name, figure.help, figure.counter);
    out.EachDomain([&](const DomainRecord& domain) { return (domain.pages.*figure.value).get(); });
  }
  for (const auto& figure : kDomainFigures) {
    out.Family(figure.name, figure.help, figure.counter);
    out.EachDomain([&](const DomainRecord& domain) { return (domain.*figure.value).get(); });
  }
  return out.text();
}

}  // namespace secure_alloc
