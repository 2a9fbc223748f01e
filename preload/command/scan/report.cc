#include "preload/command/scan/report.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "preload/command/common/json.h"
#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

std::string Row(const char* name, const std::string& value) {
  return Format("  %-12s%s\n", name, value.c_str());
}

// "1 place", "2 places".
std::string Count(size_t n, const char* noun) {
  return Format("%zu %s%s", n, noun, n == 1 ? "" : "s");
}

std::string ReadRows(const ScanReport& report) {
  const SweepAccount& account = report.account;
  std::string text =
      Row("read", Format("%" PRIu64 " bytes (%s) of %zu mappings", account.bytes_read,
                         HumanBytes(account.bytes_read).c_str(), account.mappings));
  if (account.bytes_untouched > 0) {
    text += Row("untouched", HumanBytes(account.bytes_untouched) + " never used, zero by nature");
  }
  if (report.bytes_left_out > 0) {
    text += Row("left out", HumanBytes(report.bytes_left_out) + " that the core file doesn't hold");
  }
  if (account.secret_mappings > 0) {
    text += Row("secret", Format("%s of secret memory (%s): unreadable, as it should be",
                                 Count(account.secret_mappings, "mapping").c_str(),
                                 HumanBytes(account.secret_bytes).c_str()));
  }
  for (const UnreadableRange& range : account.unreadable) {
    text += Row("unreadable", Format("%" PRIx64 "-%" PRIx64 " %s: %s", range.begin, range.end,
                                     range.name.c_str(), ErrnoText(range.error).c_str()));
  }
  return text;
}

std::string Places(const Finding& finding) {
  std::string text = Count(finding.places, "place") + " (";
  const char* separator = "";
  for (const auto& [name, places] : finding.mappings) {
    text += Format("%s%s %zu", separator, name.c_str(), places);
    separator = ", ";
  }
  return text + ")";
}

const char* Verdict(const ScanReport& report) {
  static constexpr const char* kVerdicts[] = {"hidden", "visible", "", "blind"};
  return kVerdicts[report.ExitCode()];
}

std::string VerdictText(const ScanReport& report) {
  switch (report.ExitCode()) {
    case 0:
      return Paint(STDOUT_FILENO, Color::kGreen, "HIDDEN: no part of the key can be read");
    case 1:
      return Paint(STDOUT_FILENO, Color::kRed, "VISIBLE: the key can be read");
    default:
      return Paint(STDOUT_FILENO, Color::kYellow,
                   report.account.cut_short
                       ? "BLIND: the process ended, or the core file is cut off, before its end"
                       : "BLIND: the control wasn't found, so finding no key means nothing");
  }
}

}  // namespace

size_t ScanReport::Matches() const {
  size_t matches = 0;
  for (const Found& each : found) matches += each.finding.places;
  return matches;
}

int ScanReport::ExitCode() const {
  if (!found.empty()) return 1;
  return control_found && !account.cut_short ? 0 : kExitBlind;
}

ScanReport MakeReport(const Memory& memory, const SweepAccount& account, const Needles& needles,
                      const Searcher& searcher) {
  ScanReport report;
  report.target = memory.Description();
  report.account = account;
  for (size_t i = 0; i < needles.tokens().size(); ++i) {
    const Token& token = needles.tokens()[i];
    const Finding& finding = searcher.findings()[i];
    if (finding.places == 0) continue;
    if (token.control) {
      report.control_found = true;
    } else {
      report.found.push_back({token, finding});
    }
  }
  return report;
}

std::string ReportText(const ScanReport& report) {
  std::string text = "secalloc scan: " + report.target + "\n" + ReadRows(report);
  text += Row("control", Format("found: %s (%s)", report.control_found ? "yes" : "no",
                                report.control_source.c_str()));
  for (const ScanReport::Found& each : report.found) {
    text +=
        Row("found", Format("%s, %s, of %s: %s", each.token.part.c_str(), each.token.form.c_str(),
                            each.token.key.c_str(), Places(each.finding).c_str()));
  }
  text += Format("key parts found: %zu, matches: %zu\n", report.found.size(), report.Matches());
  return text + VerdictText(report) + "\n";
}

std::string ReportJson(const ScanReport& report) {
  std::vector<std::string> unreadable, found;
  for (const UnreadableRange& range : report.account.unreadable) {
    unreadable.push_back(JsonObject()
                             .Text("begin", Format("0x%" PRIx64, range.begin))
                             .Text("end", Format("0x%" PRIx64, range.end))
                             .Text("name", range.name)
                             .Text("error", ErrnoText(range.error))
                             .str());
  }
  for (const ScanReport::Found& each : report.found) {
    JsonObject mappings;
    for (const auto& [name, places] : each.finding.mappings) mappings.Number(name, places);
    found.push_back(JsonObject()
                        .Text("key", each.token.key)
                        .Text("part", each.token.part)
                        .Text("form", each.token.form)
                        .Number("places", each.finding.places)
                        .Raw("mappings", mappings.str())
                        .str());
  }
  return JsonObject()
      .Text("target", report.target)
      .Text("verdict", Verdict(report))
      .Number("bytes_read", report.account.bytes_read)
      .Number("bytes_untouched", report.account.bytes_untouched)
      .Number("bytes_left_out", report.bytes_left_out)
      .Number("mappings", report.account.mappings)
      .Number("secret_mappings", report.account.secret_mappings)
      .Number("secret_bytes", report.account.secret_bytes)
      .Raw("unreadable", JsonArray(unreadable))
      .Text("control", report.control_source)
      .Bool("control_found", report.control_found)
      .Bool("cut_short", report.account.cut_short)
      .Raw("found", JsonArray(found))
      .Number("key_parts_found", report.found.size())
      .Number("matches", report.Matches())
      .str();
}

}  // namespace secure_alloc
