#include "preload/command/scan/report.h"

#include <errno.h>
#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

ScanReport Report() {
  ScanReport report;
  report.target = "process 7 (x)";
  report.control_source = "\"quoted\"";
  report.control_found = true;
  return report;
}

ScanReport::Found Find(const char* part, size_t places) {
  return {{"k.pem", part, "text", false}, {places, {{"[heap]", places}}}};
}

bool Has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Report, HiddenNeedsTheControl) {
  ScanReport report = Report();
  EXPECT_EQ(report.ExitCode(), 0);
  EXPECT_TRUE(Has(ReportText(report), "HIDDEN"));
  report.control_found = false;
  EXPECT_EQ(report.ExitCode(), 3);
  EXPECT_TRUE(Has(ReportText(report), "BLIND: the control"));
  EXPECT_TRUE(Has(ReportJson(report), "\"verdict\":\"blind\""));
}

TEST(Report, HiddenNeedsTheWholeMemory) {
  ScanReport report = Report();
  report.account.cut_short = true;
  EXPECT_EQ(report.ExitCode(), 3);
  EXPECT_TRUE(Has(ReportText(report), "BLIND: the process ended"));
}

TEST(Report, AFindIsAFindEvenWhenBlind) {
  ScanReport report = Report();
  report.control_found = false;
  report.found = {Find("RSA p", 2), Find("PEM", 1)};
  EXPECT_EQ(report.ExitCode(), 1);
  EXPECT_EQ(report.Matches(), 3u);
  const std::string text = ReportText(report);
  EXPECT_TRUE(Has(text, "key parts found: 2, matches: 3\n"));
  EXPECT_TRUE(Has(text, "RSA p, text, of k.pem: 2 places ([heap] 2)\n"));
  EXPECT_TRUE(Has(text, "PEM, text, of k.pem: 1 place ([heap] 1)\n"));
}

TEST(Report, ListsWhatWasNotRead) {
  ScanReport report = Report();
  report.account.unreadable = {{0x1000, 0x3000, "[vvar]", EIO}};
  report.account.secret_mappings = 2;
  report.account.secret_bytes = 192 << 10;
  const std::string text = ReportText(report);
  EXPECT_TRUE(Has(text, "1000-3000 [vvar]: EIO (Input/output error)"));
  EXPECT_TRUE(Has(text, "2 mappings of secret memory (192.0 KiB)"));
  const std::string json = ReportJson(report);
  EXPECT_TRUE(Has(json, R"("begin":"0x1000","end":"0x3000","name":"[vvar]")"));
  EXPECT_TRUE(Has(json, R"("control":"\"quoted\"")"));
}

}  // namespace
}  // namespace secure_alloc
