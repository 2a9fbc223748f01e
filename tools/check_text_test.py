"""The tree's lines are as check_text.py wants them, and it sees each way to break that."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import check_text  # pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parent.parent


class CheckText(unittest.TestCase):
    def found(self, path, text):
        """What is said of a tree whose only file this is."""
        with tempfile.TemporaryDirectory() as name:
            file = pathlib.Path(name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return list(check_text.violations(pathlib.Path(name)))

    def refused(self, path, text, line, reason):
        found = self.found(path, text)
        self.assertEqual(len(found), 1, (text, found))
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found)
        self.assertIn(reason, found[0])

    def test_the_tree_is_in_order(self):
        self.assertEqual(list(check_text.violations(ROOT)), [])

    def test_the_tree_is_read(self):
        read = {path.relative_to(ROOT).as_posix() for path, _ in check_text.texts(ROOT)}
        for path in ("allocator/os/os.h", "tests/run.sh", ".ci/run", "tools/check_text.py",
                     "tests/BUILD", "tools/bazel/layer.bzl", "examples/promote.c"):
            self.assertIn(path, read)
        self.assertFalse([path for path in read if path.startswith(("bazel-", ".git/"))])

    def test_lines_of_more_than_100_columns_are_refused(self):
        for path in ("a.cc", "b/a.h", "a.sh", "a.py", "BUILD"):
            self.assertEqual(self.found(path, "x" * 100 + "\n"), [])
            self.refused(path, "\n" + "x" * 101 + "\n", 2, "101 columns")
        self.refused("script", "#!/bin/sh\n" + "x" * 101, 2, "101 columns")

    def test_columns_are_not_bytes(self):
        self.assertEqual(self.found("a.cc", "\u00e4" * 100), [])

    def test_other_files_are_left_alone(self):
        for path in ("a.md", "data", ".git/a.sh", "bazel-out/a.sh"):
            self.assertEqual(self.found(path, "x" * 101 + "\nls | head\n"), [])

    def test_readers_that_end_early_are_refused(self):
        for reader in ("head", "head -n 1", "grep -q x", "grep -Fxq x", "grep -E -q x",
                       "grep --quiet x", "egrep -qs x", "grep -m 1 x", "grep -m1 x",
                       "awk '/x/ { print; exit }'", "awk -F: -v n=1 'NR == n { exit }'"):
            for pipe in ("ls | ", "ls |", "ls |& ", "ls |\n  ", "ls | \\\n  "):
                line = pipe.count("\n") + 1
                self.refused("a.sh", f"{pipe}{reader}\n", line, "may end first")
        self.refused("script", "#!/usr/bin/env bash\nls | head\n", 2, "may end first")

    def test_readers_that_read_all_are_allowed(self):
        for command in ("grep -q x file", "head file", "ls || head file", "ls | grep -c x",
                        "ls | grep x", "ls | tail -n 1", "ls | sed -n 1p",
                        "ls | header", "# never: ls | head", "awk '{ exit }' file",
                        "ls | awk '{ n++ } END { exit n != 1 }'"):
            self.assertEqual(self.found("a.sh", command + "\n"), [], command)
        self.assertEqual(self.found("a.py", "ls | head\n"), [])


if __name__ == "__main__":
    unittest.main()
