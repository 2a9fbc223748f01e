"""Compares what the conformance program printed with the table of docs/incompatible.md.

    compare.py [--strict] DOCUMENT <TABLE

Rows are matched by their first cell. The document's three next cells say what may be: one result,
or several joined by " or ". Of "not tried: WHY" only the first two words count; what isn't tried is
no difference, but with --strict it has to be documented too.
"""
import sys

COLUMNS = ["secret", "locked", "ordinary"]


def rows(text):
    """The cells of each row of the tables in `text`, by the first; headings left out."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "operation" or not cells[0].strip("-"):
            continue
        if cells[0] in found:
            raise SystemExit(f"compare: two rows of '{cells[0]}'")
        found[cells[0]] = cells[1:]
    return found


def differences(documented, printed, strict):
    """A sentence for each difference."""
    for name in documented.keys() - printed.keys():
        yield f"{name}: documented, but not tried by the program"
    for name, cells in printed.items():
        if name not in documented:
            yield f"{name}: not documented; here it is {', '.join(cells)}"
            continue
        for column, cell, expected in zip(COLUMNS, cells, documented[name]):
            tried = not cell.startswith("not tried")
            result = cell if tried else "not tried"
            if (tried or strict) and result not in expected.split(" or "):
                yield f"{name}, {column} memory: {cell}; documented: {expected}"


def main():
    strict = "--strict" in sys.argv
    with open(sys.argv[-1], encoding="utf-8") as document:
        documented = rows(document.read())
    printed = rows(sys.stdin.read())
    if not printed:
        raise SystemExit("compare: no table on standard input")
    found = sorted(differences(documented, printed, strict))
    for sentence in found:
        print("DIFFERS", sentence)
    print(f"{len(printed)} operations, {len(found)} differ from {sys.argv[-1]}")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
