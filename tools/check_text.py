"""Refuses what no compiler does: check_text.py ROOT

Reads the sources and scripts under ROOT. Prints one line for each violation and exits 1 if there
is any:

* a line of more than 100 columns;
* in a shell script, a pipe into a command that may end before it has read all: grep -q or -m,
  head, or awk with an exit. The writer then dies by SIGPIPE, now and then, and under pipefail the
  script with it.
"""

import pathlib
import re
import sys

COLUMNS = 100
SUFFIXES = frozenset(".awk .bzl .c .cc .go .h .js .lua .pl .py .rs .sh".split())
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
# A pipe and the white space behind it, where a line may end; not `||`.
PIPE = re.compile(r"(?<!\|)\|&?(?!\|)(?:\s|\\\n)*")
HEAD = re.compile(r"head\b")
GREP = re.compile(r"[ef]?grep(?:\s+-\S+)*\s+(?:-[a-zA-Z]*[qm]|--quiet|--max-count)")
AWK = re.compile(r"awk\b[^'|]*'([^']*)'")
AT_THE_END = re.compile(r"\bEND\s*\{.*", re.DOTALL)  # All is read by then.


def ends_early(command):
    """Whether the command that this text begins with may."""
    if HEAD.match(command) or GREP.match(command):
        return True
    awk = AWK.match(command)
    return bool(awk and re.search(r"\bexit\b", AT_THE_END.sub("", awk[1])))


def long_lines(text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns, of {COLUMNS}"


def early_readers(text):
    text = COMMENT.sub("", text)
    for pipe in PIPE.finditer(text):
        if ends_early(text[pipe.end():]):
            yield text.count("\n", 0, pipe.end()) + 1, "the reader of this pipe may end first"


def is_shell(path, text):
    return path.suffix == ".sh" or re.match(r"#!.*\bb?a?sh\b", text) is not None


def texts(root):
    """Sources by their names, scripts also by their first line."""
    for path in sorted(root.rglob("*")):
        top = path.relative_to(root).parts[0]
        if top == ".git" or top.startswith("bazel-") or not path.is_file():
            continue
        if path.suffix in SUFFIXES or path.name == "BUILD":
            yield path, path.read_text(encoding="utf-8")
        elif not path.suffix:
            text = path.read_text(encoding="utf-8", errors="replace")
            if text.startswith("#!"):
                yield path, text


def violations(root):
    for path, text in texts(root):
        found = list(long_lines(text))
        if is_shell(path, text):
            found += early_readers(text)
        for number, objection in sorted(found):
            yield f"{path.relative_to(root).as_posix()}:{number}: {objection}"


def main():
    found = list(violations(pathlib.Path(sys.argv[1])))
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
