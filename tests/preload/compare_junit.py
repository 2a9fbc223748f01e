"""compare_junit.py PLAIN.xml PRELOADED.xml: which tests are worse under the library.

Prints each test whose result is worse with the library, or that is missing there, and exits 1 if
there is any. Tests that fail without the library too don't count.
"""

import sys
import xml.etree.ElementTree

# From good to bad. A name that occurs twice (a subtest) has the worse of its results.
RESULTS = ["passed", "skipped", "failure", "error", "missing"]
FAILED = RESULTS[2:]


def result_of(case):
    kinds = {child.tag for child in case}
    return max((r for r in RESULTS if r in kinds), key=RESULTS.index, default="passed")


def read(path):
    results = {}
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name, result = case.get("name"), result_of(case)
        results[name] = max(result, results.get(name, "passed"), key=RESULTS.index)
    return results


def main():
    plain, preloaded = read(sys.argv[1]), read(sys.argv[2])
    passed = sum(result == "passed" for result in plain.values())
    print(f"{passed} tests pass without the library, of {len(plain)}")
    worse = {}
    for name, before in plain.items():
        after = preloaded.get(name, "missing")
        if before not in FAILED and RESULTS.index(after) > RESULTS.index(before):
            worse[name] = (before, after)
    for name in preloaded.keys() - plain.keys():
        if preloaded[name] in FAILED:
            worse[name] = ("absent", preloaded[name])
    for name, (before, after) in sorted(worse.items()):
        print(f"{name}: {before} without, {after} with the library")
    return bool(worse) or passed == 0


if __name__ == "__main__":
    sys.exit(main())
