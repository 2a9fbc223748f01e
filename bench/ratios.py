"""Ratios of values measured by turns, and what may be concluded from them.

Values that were taken one after the other are divided, so that a machine that slows down for a
while changes little. The ratio is the median of these. Its interval is that of the sign test: the
innermost order statistics between which the true median lies with 95% probability, without any
assumption about the noise. Fewer than six values can't give 95%: then it goes from the least to
the largest, and holds the median with a probability of 1 - 2^(1-n) only.
"""

import dataclasses
import math
import statistics


@dataclasses.dataclass
class Ratio:
    value: float
    low: float
    high: float
    runs: int

    def is_conclusive(self):
        """One run alone says nothing, nor does an interval with 1.00 in it, as it is shown."""
        return self.runs > 1 and not round(self.low, 2) <= 1.0 <= round(self.high, 2)


def single_ratios(base, ours):
    return [our / their for our, their in zip(ours, base)]


def coverage(count, dropped):
    """Of the interval without the `dropped` least and as many of the largest of `count` values."""
    outside = sum(math.comb(count, i) for i in range(dropped + 1)) / 2**count
    return 1 - 2 * outside


def ratio_of(singles):
    ordered = sorted(singles)
    dropped = 0
    while coverage(len(ordered), dropped + 1) >= 0.95:
        dropped += 1
    return Ratio(statistics.median(ordered), ordered[dropped], ordered[-1 - dropped], len(ordered))


def geometric_mean(rows):
    """Of several benchmarks: of their medians, with the interval of the means of single turns."""
    turns = min(map(len, rows))
    means = [statistics.geometric_mean(row[turn] for row in rows) for turn in range(turns)]
    interval = ratio_of(means)
    value = statistics.geometric_mean(statistics.median(row) for row in rows)
    return Ratio(value, min(interval.low, value), max(interval.high, value), turns)
