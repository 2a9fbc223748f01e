"""Medians of what bench/figures.sh recorded, as one table: table.py RECORDS

A record is a line of PART, FIGURE, UNIT, VARIANT and VALUE, with tabs between. Each figure is a
row: the median of each variant, then the ratio of `ours` to `base`: the median of the ratios of
values taken one after the other, with their quartiles, so that a machine that slows down for a
while changes little. Where the two have no such pairs, it is the ratio of the medians.
"""

import statistics
import sys

import ratios

HEADINGS = {"base": "without", "ours": "with"}
NOTE = """
without: glibc and no library; in part `secret` the same library's ordinary heap. with: the library
preloaded. Medians; the ratio is with/without, in brackets the quartiles of single ratios."""


def read(lines):
    """Values by figure (part, name, unit) and variant, both in order of appearance."""
    figures = {}
    for line in lines:
        part, name, unit, variant, value = line.rstrip("\n").split("\t")
        figures.setdefault((part, name, unit), {}).setdefault(variant, []).append(float(value))
    return figures


def show(number):
    """Counts as they are, the rest with the digits that mean something."""
    return f"{number:.0f}" if number == int(number) else show_digits(number)


def show_digits(number):
    """Three of them at least, and no exponent."""
    return f"{number:.{2 if abs(number) < 10 else 1 if abs(number) < 100 else 0}f}"


def show_median(values):
    return show(statistics.median(values)) if values else "-"


def show_ratio(base, ours):
    if not base or not ours or min(base) == 0:
        return "-"
    if len(base) != len(ours):
        return show_digits(statistics.median(ours) / statistics.median(base))
    singles = ratios.single_ratios(base, ours)
    text = show_digits(statistics.median(singles))
    if len(singles) < 3:
        return text
    low, _, high = statistics.quantiles(singles, n=4, method="inclusive")
    return f"{text} ({show_digits(low)}-{show_digits(high)})"


def rows(figures):
    variants = ["base", "ours"]
    for values in figures.values():
        variants += [variant for variant in values if variant not in variants]
    peers = variants[2:]
    yield ["part", "figure", "unit", *(HEADINGS[v] for v in variants[:2]), "ratio", *peers]
    for key, values in figures.items():
        medians = [show_median(values.get(variant)) for variant in variants]
        ratio = show_ratio(values.get("base"), values.get("ours"))
        yield [*key, *medians[:2], ratio, *medians[2:]]


def layout(table, words=3):
    """Markdown, in columns: so many of words, to the left, the others of numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*table)]
    rule = ["-" * width if i < words else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    for row in [table[0], rule, *table[1:]]:
        cells = [cell.ljust(width) if i < words else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        yield "| " + " | ".join(cells) + " |"


def main():
    with open(sys.argv[1], encoding="utf-8") as records:
        figures = read(records)
    if not figures:
        sys.exit("table: nothing was recorded; the messages above say why")
    print("\n".join(layout(list(rows(figures)))))
    print(NOTE)


if __name__ == "__main__":
    main()
