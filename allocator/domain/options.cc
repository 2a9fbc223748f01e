#include "allocator/domain/options.h"

#include <cstring>

#include "allocator/base/text.h"

namespace secure_alloc {
namespace {

// A piece of the text, not terminated.
struct Piece {
  const char* begin;
  size_t size;

  bool Is(const char* text) const {
    return std::strlen(text) == size && std::memcmp(begin, text, size) == 0;
  }
};

bool CopyText(Piece value, char (&to)[Options::kTextSize]) {
  if (value.size == 0 || value.size >= sizeof to) return false;
  std::memcpy(to, value.begin, value.size);
  to[value.size] = '\0';
  return true;
}

// A number of bytes, with K, M or G for powers of 1024.
bool ParseBytes(Piece value, size_t* bytes) {
  size_t number = 0, i = 0;
  for (; i < value.size && value.begin[i] >= '0' && value.begin[i] <= '9'; ++i) {
    const size_t digit = static_cast<size_t>(value.begin[i] - '0');
    if (__builtin_mul_overflow(number, size_t{10}, &number) ||
        __builtin_add_overflow(number, digit, &number)) {
      return false;
    }
  }
  if (i == 0) return false;
  if (i + 1 == value.size) {
    const char unit = static_cast<char>(value.begin[i] | 0x20);
    const unsigned shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
    if (shift == 0 || number > SIZE_MAX >> shift) return false;
    number <<= shift;
    ++i;
  }
  if (i != value.size) return false;
  *bytes = number;
  return true;
}

// Matches one of the words, in the order of the enumerators.
template <typename Enum, size_t kCount>
bool ParseWord(Piece value, const char* const (&words)[kCount], Enum* result) {
  for (size_t i = 0; i < kCount; ++i) {
    if (value.Is(words[i])) {
      *result = static_cast<Enum>(i);
      return true;
    }
  }
  return false;
}

bool ParseScope(Piece v, Options* o) { return ParseWord(v, {"modules", "all", "api"}, &o->scope); }
bool ParseModules(Piece v, Options* o) { return CopyText(v, o->modules); }
bool ParseFallback(Piece v, Options* o) {
  return ParseWord(v, {"locked", "none", "plain"}, &o->fallback);
}
bool ParseFork(Piece v, Options* o) { return ParseWord(v, {"copy", "deny", "share"}, &o->fork); }
bool ParseBudget(Piece v, Options* o) { return ParseBytes(v, &o->budget); }
bool ParseOrdinary(Piece v, Options* o) {
  return ParseWord(v, {"hardened", "jemalloc", "system"}, &o->ordinary);
}
bool ParseStats(Piece v, Options* o) {
  if (ParseWord(v, {"0", "1"}, &o->stats)) return true;
  constexpr char kJson[] = "json:";
  constexpr size_t kSize = sizeof kJson - 1;
  if (v.size <= kSize || std::memcmp(v.begin, kJson, kSize) != 0) return false;
  if (!CopyText({v.begin + kSize, v.size - kSize}, o->stats_path)) return false;
  o->stats = StatsOutput::kJson;
  return true;
}

bool ParseSwitch(Piece value, bool* on) {
  const bool is_on = value.Is("1");
  if (is_on || value.Is("0")) *on = is_on;
  return is_on || value.Is("0");
}
bool ParseLockdown(Piece v, Options* o) { return ParseSwitch(v, &o->lockdown); }
bool ParseMismatch(Piece v, Options* o) { return ParseSwitch(v, &o->mismatch); }
bool ParseTrace(Piece v, Options* o) { return ParseSwitch(v, &o->trace); }

using Parse = bool (*)(Piece, Options*);
constexpr Parse kParsers[] = {ParseScope,  ParseModules,  ParseFallback, ParseFork,
                              ParseBudget, ParseOrdinary, ParseStats,    ParseLockdown,
                              ParseMismatch, ParseTrace};

void Complain(Piece pair, const char* why) {
  Line line;
  line << "secure_alloc: SECALLOC_OPTIONS: ignored `";
  line.Append(pair.begin, pair.size) << "`: " << why;
  line.WriteStderr();
}

void ParsePair(Piece pair, Options* options) {
  const void* const equals = std::memchr(pair.begin, '=', pair.size);
  if (equals == nullptr) return Complain(pair, "not of the form name=value");
  const size_t name_size = static_cast<size_t>(static_cast<const char*>(equals) - pair.begin);
  const Piece name = {pair.begin, name_size};
  const Piece value = {pair.begin + name_size + 1, pair.size - name_size - 1};
  for (size_t i = 0; i < kOptionCount; ++i) {
    if (!name.Is(kOptionHelp[i].name)) continue;
    if (!kParsers[i](value, options)) {
      Line line;
      line << "secure_alloc: SECALLOC_OPTIONS: ignored `";
      line.Append(pair.begin, pair.size) << "`: values are " << kOptionHelp[i].values;
      line.WriteStderr();
    }
    return;
  }
  Complain(pair, "no such option; see secure_alloc(7)");
}

}  // namespace

const OptionHelp kOptionHelp[] = {
    {"scope", "modules, all, api",
     "which allocations are secret: those called from listed modules, every one, or only "
     "the API's"},
    {"modules", "file-name globs separated by ':'",
     "the listed modules; default: the crypto libraries of distributions and those around them"},
    {"fallback", "locked, none, plain",
     "when memfd_secret(2) memory can't be had: locked memory, failure (ENOMEM), or also "
     "ordinary memory"},
    {"fork", "copy, deny, share",
     "what a forked child finds: its own copy of the secrets, nothing (it faults on touching), or "
     "its parent's pages"},
    {"budget", "bytes, K, M or G may follow",
     "most secret memory; default: what RLIMIT_MEMLOCK and the machine's memory allow, with room "
     "for one fork's copy"},
    {"ordinary", "hardened, jemalloc, system",
     "who serves ordinary allocations: the hardened heap, libjemalloc behind this library in "
     "LD_PRELOAD, or the C library"},
    {"stats", "0, 1, json:PATH",
     "a summary at exit: none, on standard error, or as JSON to a file (%p becomes the process "
     "id)"},
    {"lockdown", "0, 1",
     "1: secret arenas are sealed in place, and the process and its children can look into no "
     "process, nor be looked into, as SECALLOC_LOCKDOWN_MAPS and _CALLS say"},
    {"mismatch", "0, 1",
     "1: freeing by another form than the object was allocated by (malloc, new, new[]) is fatal; "
     "slower, as threads keep no caches"},
    {"trace", "0, 1",
     "1: at exit, a line on standard error for each module that allocated: from which domain, how "
     "often and how many bytes"},
};
const size_t kOptionCount = sizeof kOptionHelp / sizeof kOptionHelp[0];
static_assert(sizeof kParsers / sizeof kParsers[0] == sizeof kOptionHelp / sizeof kOptionHelp[0]);

void ParseOptions(const char* text, Options* options) {
  for (const char* at = text; *at != '\0';) {
    const size_t size = static_cast<size_t>(strchrnul(at, ',') - at);
    if (size > 0) ParsePair({at, size}, options);
    at += size;
    if (*at == ',') ++at;
  }
}

}  // namespace secure_alloc
