"""Counts the results of tests/run.sh: summarize.py TARGETS EVENTS [NAME passed|failed LOG]...

TARGETS has the label of each test, EVENTS is what Bazel wrote with --build_event_json_file; each
NAME, with the two words behind it, is one more test. Prints the end of each failed test's log, each
reason for a skip, and as the last line `N passed, N failed[, N skipped]`. Exits 1 if any failed.

A test whose log has a line beginning "SKIP: kernel: " or "SKIP: machine: " is skipped. One that
skips for another reason has failed, and so has one that skips without a word, as GoogleTest can,
and one that Bazel says nothing of.
"""

import json
import pathlib
import sys
import urllib.parse

LOG_LINES = 40
ACCEPTED = ("SKIP: kernel: ", "SKIP: machine: ")
GOOGLETEST_SKIP = "[  SKIPPED ]"


def read(path):
    return path.read_text(encoding="utf-8", errors="replace") if path and path.exists() else ""


def bazel_results(events):
    """{label: (passed, log)} from the events that sum up a test."""
    results = {}
    for line in events.splitlines():
        event = json.loads(line)
        if "testSummary" not in event:
            continue
        summary = event["testSummary"]
        passed = summary["overallStatus"] == "PASSED"
        files = summary.get("passed" if passed else "failed", [])
        log = urllib.parse.unquote(urllib.parse.urlparse(files[0]["uri"]).path) if files else None
        results[event["id"]["testSummary"]["label"]] = (passed, log and pathlib.Path(log))
    return results


def classify(passed, text):
    """("passed" | "failed" | "skipped", why)"""
    skips = [line for line in text.splitlines() if line.startswith("SKIP: ")]
    refused = [line for line in skips if not line.startswith(ACCEPTED)]
    if not passed:
        end = "\n".join(text.splitlines()[-LOG_LINES:])
        return "failed", end or "no log: it was not built or not run; see above"
    if GOOGLETEST_SKIP in text and not skips:
        return "failed", "skipped without a line that begins SKIP: and says why"
    if refused:
        return "failed", "\n".join(refused) + "\nskipped for another reason than kernel or machine"
    return ("skipped", "\n".join(skips)) if skips else ("passed", "")


def main():
    targets, events, *others = sys.argv[1:]
    results = {label: (False, None) for label in read(pathlib.Path(targets)).split()}
    results.update(bazel_results(read(pathlib.Path(events))))
    for name, result, log in zip(*[iter(others)] * 3):
        results[name] = (result == "passed", pathlib.Path(log))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for label, (passed, path) in sorted(results.items(), key=lambda item: item[1][0], reverse=True):
        kind, why = classify(passed, read(path))
        counts[kind] += 1
        if kind != "passed":
            print(f"\n== {kind}: {label}\n{why}")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"\n{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
