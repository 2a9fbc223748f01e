"""The table of figures: which median, which ratio, what stays empty."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import table


def table_of(*records):
    return list(table.rows(table.read("\t".join(record) + "\n" for record in records)))


def taken(variant, *values):
    return [("malloc", "pair", "ns", variant, str(value)) for value in values]


class TableTest(unittest.TestCase):

    def test_medians_of_each_variant_with_peers_last(self):
        head, row = table_of(
            *taken("base", 1, 9, 2), *taken("jemalloc", 7), *taken("ours", 4, 6, 8))
        self.assertEqual(
            head, ["part", "figure", "unit", "without", "with", "ratio", "jemalloc"])
        self.assertEqual(row[:5] + row[6:], ["malloc", "pair", "ns", "2", "6", "7"])

    def test_ratio_is_of_values_taken_together_not_of_medians(self):
        # Everything is half as fast in the second turn, and the ratio is always 2.
        row = table_of(*taken("base", 10, 20, 10), *taken("ours", 20, 40, 20))[1]
        self.assertEqual(row[5], "2.00 (2.00-2.00)")

    def test_without_pairs_the_ratio_is_of_the_medians(self):
        row = table_of(*taken("base", 10, 20, 30), *taken("ours", 50))[1]
        self.assertEqual(row[5], "2.50")

    def test_what_one_variant_alone_has_gives_no_ratio(self):
        row = table_of(*taken("ours", 3))[1]
        self.assertEqual(row[3:], ["-", "3", "-"])

    def test_a_zero_base_gives_no_ratio(self):
        self.assertEqual(table_of(*taken("base", 0), *taken("ours", 3))[1][5], "-")

    def test_same_name_in_another_part_is_another_row(self):
        rows = table_of(("a", "x", "ns", "ours", "1"), ("b", "x", "ns", "ours", "2"))
        self.assertEqual([row[0] for row in rows[1:]], ["a", "b"])

    def test_numbers_keep_the_digits_that_mean_something(self):
        self.assertEqual([table.show(n) for n in (7, 1.234, 12.34, 12345.6)],
                         ["7", "1.23", "12.3", "12346"])

    def test_columns_have_one_width(self):
        lines = list(table.layout(table_of(*taken("base", 1), *taken("ours", 12345))))
        self.assertEqual({len(line) for line in lines}, {len(lines[0])})


if __name__ == "__main__":
    unittest.main()
