"""Refuses includes that break the layers: check_layers.py ROOT

Reads the #include lines of ROOT/allocator and ROOT/preload, and the order of the layers from
tools/bazel/layer.bzl. Prints one line for each violation and exits 1 if there is any:

* a layer includes from a layer above it, or the allocator from preload;
* a header of system calls outside allocator/os, the only layer that makes them;
* a C++ header that allocates or needs the C++ library at run time, inside the allocator;
* the secalloc command includes from the allocator: it works beside programs, not inside. It
  may know the record that it reads of them.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

SYSTEM_CALL_HEADERS = re.compile(
    r"syscall\.h|sys/(syscall|mman|resource|prctl|ptrace|uio|ioctl)\.h|fcntl\.h|(linux|asm)/.*")

ALLOCATING_HEADERS = frozenset(
    "any condition_variable deque exception filesystem forward_list fstream functional future "
    "iomanip iosfwd iostream istream list locale map memory memory_resource mutex ostream queue "
    "regex set shared_mutex sstream stack stdexcept string thread unordered_map unordered_set "
    "vector".split())


def layer_order(root):
    text = root.joinpath("tools/bazel/layer.bzl").read_text(encoding="utf-8")
    return re.findall(r'"(\w+)"', re.search(r"^LAYERS = \[(.*?)\]", text, re.DOTALL | re.M)[1])


def place(path, order):
    """The rank of the path's layer, bottom first; the libraries' own files are above all, in
    preload and directly in allocator; None: in no layer."""
    parts = path.split("/")
    if parts[0] == "allocator" and len(parts) > 2:
        return order.index(parts[1]) if parts[1] in order else None
    return len(order) if parts[0] in ("allocator", "preload") else None


def objections(path, quote, header, order):
    """Why the file at `path` may not include `header`."""
    from_rank = place(path, order)
    to_rank = place(header, order)
    if from_rank is None:
        yield "lies in no layer"
    elif to_rank is not None and to_rank > from_rank:
        yield "an include from a layer above"
    elif to_rank is None and header.startswith("allocator/"):
        yield "an include from no layer"
    if header.startswith("allocator/") and path.startswith("preload/command/") and \
            not header.startswith("allocator/record/"):
        yield "the command must not need the allocator"
    if header.endswith("os/syscall.h") or quote == "<" and SYSTEM_CALL_HEADERS.fullmatch(header):
        if not path.startswith(("allocator/os/", "preload/command/")):
            yield "system calls are made in allocator/os only"
    if path.startswith("allocator/") and quote == "<" and header in ALLOCATING_HEADERS:
        yield "this C++ header allocates, or needs the C++ library at run time"


def violations(root):
    order = layer_order(root)
    for folder in ("allocator", "preload"):
        for file in sorted(root.joinpath(folder).rglob("*")):
            if file.suffix not in (".h", ".cc", ".c"):
                continue
            path = file.relative_to(root).as_posix()
            for quote, header in INCLUDE.findall(file.read_text(encoding="utf-8")):
                for objection in objections(path, quote, header, order):
                    yield f"{path}: {header}: {objection}"


def main():
    root = pathlib.Path(sys.argv[1])
    found = list(violations(root))
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
