"""The comparison's ratios: which interval, which mean, when nothing is concluded."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import compare
import ratios
import table


def collected(*records):
    return compare.collect(table.read("\t".join(record) + "\n" for record in records))


def taken(part, name, variant, *values):
    return [(part, name, "time", variant, str(value)) for value in values]


class RatiosTest(unittest.TestCase):

    def test_the_ratio_is_of_values_taken_together(self):
        singles = ratios.single_ratios([10, 20, 10], [20, 40, 20])
        self.assertEqual(ratios.ratio_of(singles), ratios.Ratio(2, 2, 2, 3))

    def test_few_values_give_the_whole_range(self):
        ratio = ratios.ratio_of([1.1, 1.5, 1.2, 1.3, 1.4])
        self.assertEqual((ratio.value, ratio.low, ratio.high), (1.3, 1.1, 1.5))

    def test_nine_values_give_an_interval_without_the_outermost(self):
        # Binomial: 1 - 2 * (1 + 9) / 512 = 0.961, and one more on either side 0.82.
        ratio = ratios.ratio_of([9, 2, 3, 4, 5, 6, 7, 8, 1])
        self.assertEqual((ratio.value, ratio.low, ratio.high), (5, 2, 8))

    def test_an_interval_with_one_in_it_concludes_nothing(self):
        self.assertFalse(ratios.ratio_of([0.9, 1.2, 1.3]).is_conclusive())
        self.assertTrue(ratios.ratio_of([1.1, 1.2, 1.3]).is_conclusive())
        self.assertTrue(ratios.ratio_of([0.7, 0.8, 0.9]).is_conclusive())

    def test_one_is_meant_as_it_is_shown(self):
        self.assertFalse(ratios.ratio_of([0.9, 0.95, 0.998]).is_conclusive())

    def test_one_run_concludes_nothing(self):
        self.assertFalse(ratios.ratio_of([2.0]).is_conclusive())

    def test_the_mean_is_geometric_and_its_interval_that_of_the_turns(self):
        mean = ratios.geometric_mean([[1, 2, 4], [4, 8, 16]])
        self.assertAlmostEqual(mean.value, 4)
        self.assertAlmostEqual(mean.low, 2)
        self.assertAlmostEqual(mean.high, 8)


class TableTest(unittest.TestCase):

    def test_brackets_where_nothing_can_be_concluded(self):
        quantities, variants = collected(
            *taken("a", "x", "base", 1, 1), *taken("a", "x", "ours", 2, 3),
            *taken("a", "x", "other", 0.5, 1.5))
        _, row, _ = compare.table_of("time", quantities["time"], variants)
        self.assertEqual(row, ["a", "x", "2.50", "(1.00)", "2.00-3.00"])

    def test_a_run_that_failed_is_shown_and_not_averaged(self):
        quantities, variants = collected(
            *taken("a", "x", "base", 1, 1), *taken("a", "x", "ours", 2, 2),
            *taken("a", "x", "other", 2),
            *taken("a", "y", "base", 1, 1), *taken("a", "y", "ours", 8, 8),
            *taken("a", "y", "other", 3, 3))
        rows = list(compare.table_of("time", quantities["time"], variants))
        self.assertEqual(rows[1][:4], ["a", "x", "2.00", "failed"])
        self.assertEqual(rows[3][1:4], ["**geometric mean**", "4.00", "3.00, 1 of 2"])

    def test_means_of_each_part_and_of_both(self):
        quantities, variants = collected(
            *taken("a", "x", "base", 1, 1), *taken("a", "x", "ours", 2, 2),
            *taken("b", "x", "base", 1, 1), *taken("b", "x", "ours", 8, 8))
        rows = list(compare.table_of("time", quantities["time"], variants))
        self.assertEqual([(row[0], row[2]) for row in rows[3:]],
                         [("a", "2.00"), ("b", "8.00"), ("both", "4.00")])

    def test_csv_has_medians_intervals_and_the_verdict(self):
        records = (taken("a", "x", "base", 2, 2, 2) + taken("a", "x", "ours", 1, 2, 3) +
                   taken("a", "y", "base", 1, 1) + taken("a", "y", "ours", 3, 4))
        figures = table.read("\t".join(record) + "\n" for record in records)
        quantities, _ = compare.collect(figures)
        head, row, clear, mean = compare.csv_rows(figures, quantities)
        self.assertEqual(dict(zip(head, row)), {
            "part": "a", "benchmark": "x", "quantity": "time", "allocator": "ours", "median": "2",
            "runs": 3, "ratio": "1.0000", "low": "0.5000", "high": "1.5000", "conclusive": "no"})
        self.assertEqual(clear[5:], [2, "3.5000", "3.0000", "4.0000", "yes"])
        self.assertEqual(mean[:4], ["a", "geometric mean", "time", "ours"])


if __name__ == "__main__":
    unittest.main()
