// What a scan found, as text for people and as one JSON object.
#pragma once

#include <string>
#include <vector>

#include "preload/command/scan/sweep.h"

namespace secure_alloc {

struct ScanReport {
  struct Found {
    Token token;
    Finding finding;
  };
  std::string target;
  SweepAccount account;
  uint64_t bytes_left_out = 0;  // by a core file
  std::vector<Found> found;
  std::string control_source;
  bool control_found = false;

  size_t Matches() const;
  // 0 hidden, 1 visible, 3 blind.
  int ExitCode() const;
};

ScanReport MakeReport(const Memory& memory, const SweepAccount& account, const Needles& needles,
                      const Searcher& searcher);

std::string ReportText(const ScanReport& report);
std::string ReportJson(const ScanReport& report);

}  // namespace secure_alloc
