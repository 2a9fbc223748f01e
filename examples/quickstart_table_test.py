"""The quickstart's verdict fails for each way in which the proof can fail."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import quickstart_table  # pylint: disable=wrong-import-position


def scan(parts, control=True):
    return {"key_parts_found": parts, "control_found": control}


class QuickstartTable(unittest.TestCase):
    def setUp(self):
        self.before = {"served": 20, "server": scan(6), "core": scan(6), "workers": [scan(5)],
                       "kib": 0}
        self.after = {"served": 20, "server": scan(0), "core": scan(0), "workers": [scan(0)],
                      "kib": 64}

    def write(self, directory, run):
        directory.mkdir()
        directory.joinpath("served").write_text(f"{run['served']}\n")
        for name in ("server", "core"):
            directory.joinpath(f"{name}.json").write_text(json.dumps(run[name]))
        for number, worker in enumerate(run["workers"]):
            directory.joinpath(f"worker{number}.json").write_text(json.dumps(worker))
            directory.joinpath(f"worker{number}.secret_kib").write_text("64\n")
        directory.joinpath("server.secret_kib").write_text(f"{run['kib']}\n")

    def verdict(self):
        """Status and output of the table for one program."""
        output = io.StringIO()
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            directory.joinpath("title").write_text("the program\n")
            self.write(directory / "before", self.before)
            self.write(directory / "after", self.after)
            sys.argv = ["quickstart_table.py", "20", name]
            with contextlib.redirect_stdout(output):
                failed = quickstart_table.main()
        return failed, output.getvalue()

    def fails(self, reason):
        failed, output = self.verdict()
        self.assertTrue(failed)
        self.assertIn(f"FAILED: the program: {reason}", output)
        self.assertNotIn("PASSED", output)

    def test_all_well(self):
        failed, output = self.verdict()
        self.assertFalse(failed)
        self.assertIn("PASSED", output)
        self.assertIn("20 + 20", output)
        self.assertIn("6/6", output)

    def test_key_found_after(self):
        for where in ("server", "core"):
            self.setUp()
            self.after[where] = scan(1)
            self.fails("under secalloc run: the key was found in 1 of 3 scans")
        self.setUp()
        self.after["workers"] = [scan(2)]
        self.fails("under secalloc run: the key was found in 1 of 3 scans")

    def test_nothing_found_before(self):
        self.before["server"] = scan(0)
        self.fails("as it is: no key found in the server")
        self.setUp()
        self.before["core"] = scan(0)
        self.fails("as it is: no key found in the core file")

    def test_request_not_served(self):
        self.after["served"] = 19
        self.fails("under secalloc run: 19 of 20 requests served")
        self.setUp()
        self.before["served"] = 0
        self.fails("as it is: 0 of 20 requests served")

    def test_control_missed(self):
        self.after["workers"] = [scan(0, control=False)]
        self.fails("under secalloc run: 1 scans were blind")

    def test_worker_missing(self):
        self.after["workers"] = []
        self.fails("1 workers as it is, but 0 under secalloc run")

    def test_no_secret_memory(self):
        self.after["kib"] = 0
        self.fails("under secalloc run: a process holds no secret memory")


if __name__ == "__main__":
    unittest.main()
