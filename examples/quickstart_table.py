"""The table of examples/quickstart.sh, and its verdict: quickstart_table.py REQUESTS DIR...

Each DIR has a file `title`, and in before/ and after/: `served`, and the JSON that `secalloc scan`
gave for the server, its core file and each worker, with the KiB of secret memory they have in use.
Exits 1, with a line for each reason, unless all requests were served, every scan found its control,
and the key was found in each server and core file before, and nowhere after.
"""

import getpass
import json
import pathlib
import sys

HEADER = f"""\
{"":29}requests   secret memory      key parts found       key parts found   control
{"program":29}  served    in use (KiB)           as it is       under secalloc run    found
{"":56}server core workers   server core workers"""

NOTES = """
Processes and core files were read as {user}. Key parts are the secret numbers of the key file and
its PEM text; served is as it is + under secalloc run; a worker is a process forked for a connection
that was open; each scan must also find a control, bytes known to be in that process. The programs,
their options and their keys are the same both times."""


class Run:
    """What was measured of one server, as it is or under secalloc run."""

    def __init__(self, results):
        self.served = int(results.joinpath("served").read_text() or 0)
        self.server = self.load(results / "server.json")
        self.core = self.load(results / "core.json")
        self.workers = [self.load(path) for path in sorted(results.glob("worker*.json"))]
        self.secret_kib = [int(path.read_text()) for path in sorted(results.glob("*.secret_kib"))]

    @staticmethod
    def load(path):
        return json.loads(path.read_text())

    @property
    def scans(self):
        return [self.server, self.core, *self.workers]

    @property
    def controls(self):
        return sum(scan["control_found"] for scan in self.scans)

    def parts(self):
        """Key parts found in the server, in its core file, and in each worker."""
        workers = " ".join(str(scan["key_parts_found"]) for scan in self.workers) or "-"
        return (f"{self.server['key_parts_found']:>6} {self.core['key_parts_found']:>4} "
                f"{workers:>7}")


def problems(before, after, requests):
    for when, run in (("as it is", before), ("under secalloc run", after)):
        if run.served != requests:
            yield f"{when}: {run.served} of {requests} requests served"
        if run.controls != len(run.scans):
            yield f"{when}: {len(run.scans) - run.controls} scans were blind (control not found)"
    for what, scan in (("server", before.server), ("core file", before.core)):
        if scan["key_parts_found"] == 0:
            yield f"as it is: no key found in the {what}, so the scan proves nothing"
    found = sum(scan["key_parts_found"] > 0 for scan in after.scans)
    if found:
        yield f"under secalloc run: the key was found in {found} of {len(after.scans)} scans"
    if len(after.workers) != len(before.workers):
        yield f"{len(before.workers)} workers as it is, but {len(after.workers)} under secalloc run"
    if 0 in after.secret_kib:
        yield "under secalloc run: a process holds no secret memory"


def row(title, before, after):
    served = f"{before.served} + {after.served}"
    kib = " ".join(map(str, after.secret_kib))
    controls = f"{before.controls + after.controls}/{len(before.scans) + len(after.scans)}"
    return (f"{title:<27} {served:>9}  {kib:>15}  {before.parts()}   {after.parts()}"
            f" {controls:>8}")


def main():
    requests = int(sys.argv[1])
    complaints = []
    print("\n" + HEADER)
    for name in sys.argv[2:]:
        directory = pathlib.Path(name)
        title = directory.joinpath("title").read_text().strip()
        before, after = Run(directory / "before"), Run(directory / "after")
        print(row(title, before, after))
        complaints += [f"{title}: {each}" for each in problems(before, after, requests)]
    print(NOTES.format(user=getpass.getuser()))
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    if not complaints:
        print("PASSED: every key was readable before, none is after, and all requests were served.")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
