"""Plots of what bench/compare.sh measured: plot.py RESULTS.csv DIR CAUGHT.csv

memory.svg and .png: speed against peak memory, each allocator a point, geometric means of all that
was measured. caught.svg and .png, if there is a file CAUGHT.csv (allocator,caught,of): speed
against the share of misuse that is caught.
"""

import csv
import os
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("plot: no matplotlib here; apt-get install python3-matplotlib")

matplotlib.use("Agg")
matplotlib.rcParams["svg.fonttype"] = "none"  # Text as text: small files.
matplotlib.rcParams["svg.hashsalt"] = "secure_alloc"  # The same names inside in every run.

from matplotlib import pyplot  # pylint: disable=wrong-import-position


def read_means(path):
    """{allocator: {quantity: mean ratio}} over all parts that were measured; glibc is 1."""
    means = {"glibc": {"time": 1.0, "peak memory": 1.0}}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # "both" comes last, behind the means of the parts.
            if row["benchmark"] == "geometric mean":
                means.setdefault(row["allocator"], {})[row["quantity"]] = float(row["ratio"])
    return means


def read_caught(path):
    """{allocator: percent}"""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["allocator"]: 100 * int(row["caught"]) / int(row["of"])
                for row in csv.DictReader(file)}


def draw(points, title, x_label, path):
    """points: {allocator: (x, time)}. Fewer seconds are further up."""
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, (x, time) in points.items():
        ours = name == "ours"
        axes.plot([x], [1 / time], "o", color="#c03020" if ours else "#405070",
                  markersize=8 if ours else 6)
        axes.annotate("secure_alloc" if ours else name, (x, 1 / time), (0, 7),
                      textcoords="offset points", ha="center",
                      weight="bold" if ours else "normal")
    axes.margins(0.18)
    axes.set(title=title, xlabel=x_label, ylabel="speed (glibc = 1, more is better)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    figure.tight_layout()
    figure.savefig(path + ".svg", metadata={"Date": None})
    figure.savefig(path + ".png", dpi=110)
    pyplot.close(figure)


def main():
    results, directory, caught_path = sys.argv[1:]
    means = read_means(results)
    draw({name: (mean["peak memory"], mean["time"]) for name, mean in means.items()},
         "Speed and memory", "peak resident memory (glibc = 1, less is better)",
         os.path.join(directory, "memory"))
    if os.path.exists(caught_path):
        caught = read_caught(caught_path)
        draw({name: (caught[name], mean["time"]) for name, mean in means.items() if name in caught},
             "Speed and misuse caught", "misuse caught, % (more is better)",
             os.path.join(directory, "caught"))


if __name__ == "__main__":
    main()
