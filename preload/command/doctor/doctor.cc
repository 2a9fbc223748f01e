#include "preload/command/doctor/doctor.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <vector>

#include "preload/command/common/json.h"
#include "preload/command/common/message.h"
#include "preload/command/common/size.h"
#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/row.h"
#include "preload/command/doctor/workers.h"

namespace secure_alloc {
namespace {

constexpr char kHelp[] = R"(Usage: secalloc doctor [options]

Says which promises this machine, user, container and kernel can keep, what else bears on them,
and the line to type for each that is missing.

  --workers=N      a server that forks N workers: is there locked memory for them? (1)
  --secrets=SIZE   secret memory of each of its processes, as smaps shows it (2M)
  --json           one JSON object instead of text; names and states in it stay as they are
  --help           this text

ok: kept; limited: kept, within a limit that the row names; missing: not kept.
Exit status: 0 if every promise is kept, 1 if one is missing, 2 wrong usage.
)";

constexpr std::string_view kOptions[] = {"--workers", "--secrets", "--json", "--help"};
constexpr const char* kStates[] = {"ok", "limited", "missing"};
constexpr Color kColors[] = {Color::kGreen, Color::kYellow, Color::kRed};
constexpr unsigned long long kManyWorkers = 1000000;
constexpr unsigned long long kMostSecrets = ~0ull >> 20;  // So many workers' don't overflow.

const char* Name(State state) { return kStates[static_cast<size_t>(state)]; }

struct Row {
  std::string name;
  Finding found;
};

std::vector<Row> Apply(std::span<const Rule> rules, const Facts& facts) {
  std::vector<Row> rows;
  for (const Rule& rule : rules) rows.push_back({std::string(rule.name), rule.find(facts)});
  return rows;
}

struct Report {
  std::string release;
  bool secret_memory;
  std::vector<Row> promises, machine;

  std::vector<std::string> Missing() const {
    std::vector<std::string> names;
    for (const Row& row : promises) {
      if (row.found.state == State::kMissing) names.push_back(row.name);
    }
    return names;
  }
};

void PrintRows(const char* title, const std::vector<Row>& rows) {
  puts(Paint(STDOUT_FILENO, Color::kBold, title).c_str());
  for (const Row& row : rows) {
    const Finding& found = row.found;
    const Color color = kColors[static_cast<size_t>(found.state)];
    printf("  %s %-15s %s\n",
           Paint(STDOUT_FILENO, color, Format("%-8s", Name(found.state))).c_str(), row.name.c_str(),
           found.value.c_str());
    printf("           %-15s %s\n", "", found.meaning.c_str());
    if (found.fix.empty()) continue;
    printf("           %-15s %s %s\n", "", Paint(STDOUT_FILENO, Color::kBold, "fix:").c_str(),
           found.fix.c_str());
  }
}

void PrintText(const Report& report) {
  printf("secalloc doctor: kernel %s\n", report.release.c_str());
  PrintRows("Promises", report.promises);
  PrintRows("Machine", report.machine);
  std::string names;
  for (const std::string& name : report.Missing()) names += (names.empty() ? "" : ", ") + name;
  puts(names.empty()
           ? Paint(STDOUT_FILENO, Color::kGreen, "Every promise can be kept here.").c_str()
           : Paint(STDOUT_FILENO, Color::kRed, "Not kept here: " + names + ".").c_str());
}

std::string JsonRows(const std::vector<Row>& rows) {
  std::vector<std::string> objects;
  for (const Row& row : rows) {
    objects.push_back(JsonObject()
                          .Text("name", row.name)
                          .Text("state", Name(row.found.state))
                          .Text("value", row.found.value)
                          .Text("meaning", row.found.meaning)
                          .Text("fix", row.found.fix)
                          .str());
  }
  return JsonArray(objects);
}

void PrintJson(const Report& report) {
  puts(JsonObject()
           .Text("kernel", report.release)
           .Bool("secret_memory", report.secret_memory)
           .Bool("all_kept", report.Missing().empty())
           .Raw("promises", JsonRows(report.promises))
           .Raw("machine", JsonRows(report.machine))
           .str()
           .c_str());
}

int BadValue(const char* option, const std::string& value, const char* wanted) {
  Complain("doctor: %s=%s: give %s", option, value.c_str(), wanted);
  return kExitUsage;
}

bool ParseCount(const std::string& text, unsigned long long* count) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, *count);
  return error == std::errc() && at == end && *count <= kManyWorkers;
}

}  // namespace

int DoctorCommand(const Words& words) {
  Arguments arguments(words);
  bool json = false;
  Workers workers;
  std::string value;
  while (arguments.Next()) {
    if (arguments.Flag("--json")) {
      json = true;
    } else if (arguments.Value("--workers", &value)) {
      if (arguments.failed()) break;
      if (!ParseCount(value, &workers.count)) return BadValue("--workers", value, "a number");
    } else if (arguments.Value("--secrets", &value)) {
      if (arguments.failed()) break;
      if (!ParseSize(value, &workers.bytes) || workers.bytes == 0 || workers.bytes > kMostSecrets) {
        return BadValue("--secrets", value, "bytes, K, M or G");
      }
    } else if (arguments.Flag("--help") || arguments.Flag("-h")) {
      fputs(kHelp, stdout);
      return 0;
    } else {
      return arguments.Unknown("doctor", kOptions);
    }
  }
  if (arguments.failed()) return kExitUsage;
  Facts facts = Examine();
  facts.workers = workers;
  utsname name{};
  uname(&name);  // Fails for wrong addresses only.
  const Report report{name.release, facts.secret.works(), Apply(PromiseRules(), facts),
                      Apply(MachineRules(), facts)};
  (json ? PrintJson : PrintText)(report);
  return report.Missing().empty() ? 0 : 1;
}

}  // namespace secure_alloc
