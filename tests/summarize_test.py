"""The counts of tests/run.sh: what passes, fails and may be skipped."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import summarize  # pylint: disable=wrong-import-position


class Summarize(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.targets, self.events = [], [{"id": {"started": {}}, "started": {}}]

    def bazel_test(self, label, status, log):
        file = self.directory / f"{len(self.events)} %.log"
        file.write_text(log)
        self.targets.append(label)
        outcome = "passed" if status == "PASSED" else "failed"
        self.events.append({
            "id": {"testSummary": {"label": label}},
            "testSummary": {"overallStatus": status, outcome: [{"uri": file.as_uri()}]},
        })

    def summary(self, *others):
        """Status, the last line, and all the output."""
        (self.directory / "targets").write_text("\n".join(self.targets))
        (self.directory / "events").write_text("\n".join(map(json.dumps, self.events)))
        sys.argv = ["summarize.py", str(self.directory / "targets"),
                    str(self.directory / "events"), *others]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = summarize.main()
        return int(status), output.getvalue().splitlines()[-1], output.getvalue()

    def test_all_passed(self):
        self.bazel_test("//a:a", "PASSED", "fine\n")
        self.bazel_test("//a:b", "PASSED", "not at the start: SKIP: because\n")
        self.assertEqual(self.summary("it", "passed", "/dev/null")[:2], (0, "3 passed, 0 failed"))

    def test_a_failure_shows_the_end_of_its_log(self):
        self.bazel_test("//a:a", "PASSED", "fine\n")
        self.bazel_test("//a:b", "TIMEOUT", "first\n" + "more\n" * 100 + "last words\n")
        status, last, output = self.summary()
        self.assertEqual((status, last), (1, "1 passed, 1 failed"))
        self.assertIn("failed: //a:b", output)
        self.assertIn("last words", output)
        self.assertNotIn("first", output)

    def test_flaky_is_failed(self):
        self.bazel_test("//a:a", "FLAKY", "")
        self.assertEqual(self.summary()[:2], (1, "0 passed, 1 failed"))

    def test_no_word_of_a_target_is_failed(self):
        self.targets.append("//a:not_built")
        self.assertEqual(self.summary()[:2], (1, "0 passed, 1 failed"))

    def test_tests_that_bazel_does_not_run_count(self):
        self.assertEqual(self.summary("it", "failed", "/dev/null")[:2], (1, "0 passed, 1 failed"))

    def test_what_the_kernel_or_machine_lacks_is_skipped(self):
        self.bazel_test("//a:a", "PASSED", "SKIP: kernel: no memfd_secret\n")
        self.bazel_test("//a:b", "PASSED", "one\nSKIP: machine: not root\n")
        status, last, output = self.summary()
        self.assertEqual((status, last), (0, "0 passed, 0 failed, 2 skipped"))
        self.assertIn("no memfd_secret", output)

    def test_a_skip_of_googletest_needs_a_reason(self):
        skipped = "[ RUN      ] A.B\na_test.cc:1: Skipped\n{}\n[  SKIPPED ] A.B (0 ms)\n"
        self.bazel_test("//a:a", "PASSED", skipped.format("SKIP: kernel: no mseal(2)"))
        self.assertEqual(self.summary()[:2], (0, "0 passed, 0 failed, 1 skipped"))
        self.bazel_test("//a:b", "PASSED", skipped.format("no AVX2 here"))
        status, last, output = self.summary()
        self.assertEqual((status, last), (1, "0 passed, 1 failed, 1 skipped"))
        self.assertIn("failed: //a:b", output)

    def test_other_skips_are_failures(self):
        self.bazel_test("//a:a", "PASSED", "SKIP: no redis here\nSKIP: kernel: old\n")
        status, last, output = self.summary()
        self.assertEqual((status, last), (1, "0 passed, 1 failed"))
        self.assertIn("SKIP: no redis here", output)

    def test_a_skip_excuses_no_failure(self):
        self.bazel_test("//a:a", "FAILED", "SKIP: kernel: old\n")
        self.assertEqual(self.summary()[:2], (1, "0 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
