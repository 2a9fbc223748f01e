"""secalloc stats agrees with the kernel, to the page: stats_test.py SECALLOC LIBRARY REFUSE"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

SECALLOC, LIBRARY = (os.path.realpath(path) for path in sys.argv[1:3])
HOLDER = pathlib.Path(__file__).with_name("stats_holder.py").resolve()


def secret_kib(pid):
    """Of the memfd_secret mappings of a process: mapped and resident."""
    size = resident = 0
    secret = False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            secret = "/secretmem" in line
        elif secret and line.startswith("Size:"):
            size += int(line.split()[1])
        elif secret and line.startswith("Rss:"):
            resident += int(line.split()[1])
    return size, resident


def locked_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmLck:\s+(\d+)", status)[1])


class Program:
    """Python under the library, with domains."""

    def __init__(self, options="", prefix=()):
        environment = dict(os.environ, LD_PRELOAD=LIBRARY, SECALLOC_OPTIONS=options)
        self.process = subprocess.Popen(
            [*prefix, "/usr/bin/python3", str(HOLDER)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = self.process.pid

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != "done\n":
            assert line, "the program ended"
            lines.append(line.strip())
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def stats(pid, *options):
    return subprocess.run([SECALLOC, "stats", *options, str(pid)], capture_output=True, text=True,
                          check=False)


def figures(pid):
    done = stats(pid, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class StatsTest(unittest.TestCase):
    def check_against_kernel(self, pid):
        told = figures(pid)
        size = secret_kib(pid)[0]
        mapped = sum(domain["secret_mapped_bytes"] for domain in told["domains"])
        locked = sum(domain["locked_mapped_bytes"] for domain in told["domains"])
        self.assertEqual(told["pid"], pid)
        self.assertEqual(mapped, size * 1024)
        self.assertEqual(mapped + locked, told["arena_bytes"])
        return told

    def test_agrees_with_smaps_and_with_locked_memory(self):
        with Program() as program:
            told = self.check_against_kernel(program.pid)
            self.assertEqual([d["name"] for d in told["domains"]],
                             ["secret", 'session "keys"', "tickets"])
            resident = secret_kib(program.pid)[1]
            self.assertEqual(sum(d["faulted_pages"] for d in told["domains"]) * 4, resident)
            if locked_kib(program.pid) != 0:  # This kernel charges at mmap(2).
                self.assertEqual(locked_kib(program.pid) * 1024, told["arena_bytes"])
            self.assertEqual(told["domains"][1]["limit_bytes"], 1 << 20)

    def test_a_spent_quota_is_told(self):
        with Program() as program:
            program.do("drain")
            told = self.check_against_kernel(program.pid)["domains"][1]
            self.assertGreater(told["refused_objects"], 0)
            self.assertGreater(told["arena_bytes"], (1 << 20) * 0.8)
            self.assertEqual(told["high_water_bytes"], told["arena_bytes"])

    def test_a_domain_that_is_gone_is_not_told(self):
        with Program() as program:
            program.do("destroy")
            told = self.check_against_kernel(program.pid)
            self.assertEqual([d["name"] for d in told["domains"]], ["secret", "tickets"])

    def test_memory_made_secret_in_place_is_told(self):
        with Program() as program:
            before = figures(program.pid)
            program.do("promote")
            told = figures(program.pid)
            self.assertEqual((told["promoted_bytes"], told["promotions"]), (16384, 1))
            self.assertEqual(told["arena_bytes"], before["arena_bytes"] + 16384 +
                             told["promotion_pool_bytes"])
            self.assertEqual(secret_kib(program.pid)[0] * 1024, told["arena_bytes"])

    def test_a_forked_child_has_figures_of_its_own(self):
        with Program() as program:
            child = int(program.do("fork")[0])
            told = self.check_against_kernel(child)
            self.assertGreater(told["arena_bytes"], 0)
            program.do("destroy")
            self.assertEqual(len(self.check_against_kernel(child)["domains"]), 3)
            self.assertEqual(len(self.check_against_kernel(program.pid)["domains"]), 2)

    def test_locked_memory_is_told_apart(self):
        refuse = os.path.realpath(sys.argv[3])
        with Program(prefix=(refuse, "447", "ENOSYS", "--")) as program:
            told = figures(program.pid)
            self.assertEqual(secret_kib(program.pid), (0, 0))
            self.assertEqual(locked_kib(program.pid) * 1024, told["arena_bytes"])
            self.assertGreater(told["domains"][0]["degraded_arenas"], 0)

    def test_prometheus_text(self):
        with Program() as program:
            text = stats(program.pid, "--prometheus").stdout
            told = figures(program.pid)
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, r"^# (HELP|TYPE) secure_alloc_\w+ .+")
                continue
            match = re.fullmatch(
                r'(secure_alloc_\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (\d+)', line)
            self.assertTrue(match, line)
            samples[match[1], match[2]] = int(match[3])
        labels = f'pid="{told["pid"]}",domain="session \\"keys\\"",memory="secret"'
        self.assertEqual(samples["secure_alloc_mapped_bytes", labels],
                         told["domains"][1]["secret_mapped_bytes"])
        families = set(re.findall(r"^# TYPE (\w+)", text, re.M))
        self.assertEqual(families, {name for name, _ in samples})

    def test_watch_ends_with_the_program(self):
        with Program() as program:
            watch = subprocess.Popen([SECALLOC, "stats", "--watch=0.05", str(program.pid)],
                                     stdout=subprocess.PIPE, text=True)
            first = watch.stdout.readline()
            self.assertRegex(first, r"^secret memory: .* KiB of")
            rest = [watch.stdout.readline() for _ in range(4)]
        self.assertIn("tickets", "".join(rest))
        watch.stdout.read()
        self.assertEqual(watch.wait(timeout=20), 0)
        watch.stdout.close()

    def test_says_why_not(self):
        with subprocess.Popen(["sleep", "100"]) as sleeper:
            done = stats(sleeper.pid)
            sleeper.kill()
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not run with secure_alloc", done.stderr)
        self.assertEqual(stats(2 ** 22 + 1).returncode, 1)
        self.assertEqual(stats("x").returncode, 2)
        self.assertEqual(stats(0, "--jsom").returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
