"""What bench/compare.sh prints: compare.py RECORDS CSV

Reads records as table.py does, prints a table for each quantity and writes all of it to CSV. A
cell is an allocator's ratio to glibc; in brackets if it can't be told from 1, as its interval
contains 1.00 (ratios.py).
"""

import csv
import statistics
import sys

import ratios
import table

BASE = "base"
MEANS = "geometric mean"
NOTE = """Ratios to glibc, medians of {runs} runs by turns. In brackets: within the noise, no
conclusion (the interval contains 1.00). The interval is that of `ours`; intervals of fewer than
six runs go from least to largest. Means are of the rows that an allocator ran in; `n of m` if it
failed in others."""


def collect(figures):
    """{quantity: {(part, benchmark): {variant: single ratios}}}, and the variants in order."""
    quantities, variants = {}, []
    for (part, name, quantity), values in figures.items():
        row = quantities.setdefault(quantity, {}).setdefault((part, name), {})
        for variant, taken in values.items():
            if variant != BASE and variant not in variants:
                variants.append(variant)
            if variant != BASE and len(taken) == len(values.get(BASE, [])):
                row[variant] = ratios.single_ratios(values[BASE], taken)
    return quantities, variants


def means(rows):
    """(part, MEANS) of each part, and of both if there are two: {variant: (rows, ratio)}."""
    parts = list(dict.fromkeys(part for part, _ in rows))
    for part in parts + (["both"] if len(parts) > 1 else []):
        members = [row for (of, _), row in rows.items() if part in (of, "both")]
        result = {}
        for variant in dict.fromkeys(variant for row in members for variant in row):
            ran = [row[variant] for row in members if variant in row]
            result[variant] = (len(ran), len(members), ratios.geometric_mean(ran))
        yield part, result


def show(ratio):
    text = table.show_digits(ratio.value)
    return text if ratio.is_conclusive() else f"({text})"


def show_interval(ratio):
    return f"{table.show_digits(ratio.low)}-{table.show_digits(ratio.high)}"


def show_mean(ran, members, ratio):
    return show(ratio) + ("" if ran == members else f", {ran} of {members}")


def table_of(quantity, rows, variants):
    yield ["part", quantity, *variants, "interval"]
    for (part, name), row in rows.items():
        taken = {variant: ratios.ratio_of(singles) for variant, singles in row.items()}
        cells = [show(taken[variant]) if variant in taken else "failed" for variant in variants]
        yield [part, name, *cells, show_interval(taken["ours"]) if "ours" in taken else "-"]
    for part, result in means(rows):
        cells = [show_mean(*result[variant]) if variant in result else "-" for variant in variants]
        interval = show_interval(result["ours"][2]) if "ours" in result else "-"
        yield [part, f"**{MEANS}**", *cells, interval]


def csv_rows(figures, quantities):
    yield ["part", "benchmark", "quantity", "allocator", "median", "runs", "ratio", "low", "high",
           "conclusive"]

    def line(part, name, quantity, variant, median, ratio):
        conclusive = "yes" if ratio.is_conclusive() else "no"
        numbers = [f"{number:.4f}" for number in (ratio.value, ratio.low, ratio.high)]
        return [part, name, quantity, variant, median, ratio.runs, *numbers, conclusive]

    for quantity, rows in quantities.items():
        for (part, name), row in rows.items():
            values = figures[part, name, quantity]
            for variant, singles in row.items():
                median = f"{statistics.median(values[variant]):g}"
                yield line(part, name, quantity, variant, median, ratios.ratio_of(singles))
        for part, result in means(rows):
            for variant, (_, _, ratio) in result.items():
                yield line(part, MEANS, quantity, variant, "", ratio)


def main():
    with open(sys.argv[1], encoding="utf-8") as records:
        figures = table.read(records)
    quantities, variants = collect(figures)
    if not variants:
        sys.exit("compare: nothing can be compared; the messages above say why")
    runs = max(len(values) for figure in figures.values() for values in figure.values())
    for quantity, rows in quantities.items():
        lines = table.layout(list(table_of(quantity, rows, variants)), words=2)
        print("\n".join(lines), end="\n\n")
    print(NOTE.format(runs=runs))
    with open(sys.argv[2], "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(csv_rows(figures, quantities))


if __name__ == "__main__":
    main()
