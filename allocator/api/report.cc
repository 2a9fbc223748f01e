#include "allocator/api/report.h"

#include "allocator/api/arenas.h"
#include "allocator/api/stats.h"
#include "allocator/base/bits.h"
#include "allocator/base/text.h"
#include "allocator/entry/entry.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

using Stats = struct secalloc_stats;

struct Field {
  const char* name;
  uint64_t Stats::*value;
};

// Every figure, as JSON names it; the header has the meaning.
constexpr Field kFields[] = {
    {"budget_bytes", &Stats::budget_bytes},
    {"arena_bytes", &Stats::arena_bytes},
    {"high_water_bytes", &Stats::high_water_bytes},
    {"secret_arenas", &Stats::secret_arenas},
    {"secret_bytes", &Stats::secret_bytes},
    {"secret_used_bytes", &Stats::secret_used_bytes},
    {"locked_arenas", &Stats::locked_arenas},
    {"locked_bytes", &Stats::locked_bytes},
    {"locked_used_bytes", &Stats::locked_used_bytes},
    {"degraded_arenas", &Stats::degraded_arenas},
    {"degraded_allocations", &Stats::degraded_allocations},
    {"refused_allocations", &Stats::refused_allocations},
    {"unguarded_objects", &Stats::unguarded_objects},
    {"fork_copied_pages", &Stats::fork_copied_pages},
    {"ordinary_bytes", &Stats::ordinary_bytes},
    {"faulted_pages", &Stats::faulted_pages},
    {"domains", &Stats::domains},
    {"promoted_bytes", &Stats::promoted_bytes},
    {"promotion_pool_bytes", &Stats::promotion_pool_bytes},
    {"promotions", &Stats::promotions},
    {"demotions", &Stats::demotions},
    {"promotion_method", &Stats::promotion_method},
    {"protection_keys", &Stats::protection_keys},
};

void AppendJson(const Stats& stats, TextBuffer& text) {
  const char* separator = "{";
  for (const Field& field : kFields) {
    text << separator << "\"" << field.name << "\": " << stats.*field.value;
    separator = ", ";
  }
}

// The most that one arena takes, and all the rest.
constexpr size_t kArenaText = 512, kFiguresText = 2048;

void AppendJson(const ArenaFigures& arena, TextBuffer& text) {
  text << "{\"domain\": \"" << arena.domain << "\", \"protection\": \""
       << NameOf(arena.protection) << "\", \"reserved\": " << (arena.reserved ? "true" : "false")
       << ", \"pages\": " << uint64_t{arena.pages} << ", \"free_pages\": "
       << uint64_t{arena.free_pages} << ", \"free_runs\": ";
  const char* separator = "[";
  for (const uint32_t runs : arena.free_runs) {
    text << separator << uint64_t{runs};
    separator = ", ";
  }
  text << "]}";
}

void AppendJson(const ArenaList& arenas, TextBuffer& text) {
  text << ", \"arenas\": [";
  const char* separator = "\n";
  for (const ArenaFigures& arena : arenas) {
    text << separator;
    AppendJson(arena, text);
    separator = ",\n";
  }
  text << "]}\n";
}

// PATH with each %p replaced by the process id; true if there was one.
bool ExpandPath(const char* path, TextBuffer& text) {
  bool expanded = false;
  for (; *path != '\0'; ++path) {
    if (path[0] == '%' && path[1] == 'p') {
      text << uint64_t{os::ProcessId()};
      ++path;
      expanded = true;
    } else {
      text.Append(path, 1);
    }
  }
  text.Append("", 1);
  return expanded;
}

void WriteJson(const Stats& stats, const char* path, bool original) {
  char path_text[Options::kTextSize + 64];
  TextBuffer expanded(path_text, sizeof path_text);
  if (!ExpandPath(path, expanded) && !original) return;
  const ArenaList arenas;
  const size_t size = RoundUp(kFiguresText + arenas.size() * kArenaText, kPageSize);
  char* const text = static_cast<char*>(os::MapAnonymous(size));
  bool written = false;
  if (text != nullptr) {
    TextBuffer json(text, size);
    AppendJson(stats, json);
    AppendJson(arenas, json);
    written = !expanded.truncated() && os::WriteFile(path_text, json.data(), json.size()) == 0;
    os::Unmap(text, size);
  }
  if (!written) {
    Line line;
    line << "secure_alloc: statistics can't be written to " << path_text
         << ": is the directory there and writable?";
    line.WriteStderr();
  }
}

void WriteSummary(const Stats& stats) {
  Line line;
  line << "secure_alloc: " << stats.secret_used_bytes << " bytes secret in "
       << stats.secret_arenas << " arenas, " << stats.locked_used_bytes << " bytes locked in "
       << stats.locked_arenas << "; high water " << stats.high_water_bytes << " of "
       << stats.budget_bytes << " bytes; degraded: " << stats.degraded_arenas << " arenas, "
       << stats.degraded_allocations << " objects; refused: " << stats.refused_allocations;
  line.WriteStderr();
}

// The process that read the options; its forked children are others.
uint32_t original_process = 0;

[[gnu::constructor]] void RememberProcess() { original_process = os::ProcessId(); }

}  // namespace

void WriteStatsAtExit() {
  const Options& options = entry::CurrentOptions();
  if (options.stats == StatsOutput::kNone) return;
  const bool original = os::ProcessId() == original_process;
  Stats stats;
  CollectStats(&stats);
  if (options.stats == StatsOutput::kStderr && original) WriteSummary(stats);
  if (options.stats == StatsOutput::kJson) WriteJson(stats, options.stats_path, original);
}

}  // namespace secure_alloc
