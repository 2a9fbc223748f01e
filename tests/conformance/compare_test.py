"""Tests of compare.py."""
import unittest

from compare import differences, rows

DOCUMENT = """
| operation | secret | locked | ordinary | what a program sees | the way round |
|---|---|---|---|---|---|
| read(2) | works | works | works | | |
| O_DIRECT | EFAULT | works | works or not tried | an error | a copy |
"""


def table(*lines):
    return rows("\n".join(["Linux 6.1", "| operation | secret | locked | ordinary |", *lines]))


class Differences(unittest.TestCase):
    def found(self, *lines, strict=True):
        return list(differences(rows(DOCUMENT), table(*lines), strict))

    def test_none(self):
        read, direct = "| read(2) | works | works | works |", "| O_DIRECT | EFAULT | works |"
        self.assertEqual(self.found(read, direct + " works |"), [])
        self.assertEqual(self.found(read, direct + " not tried: no such file system |"), [])

    def test_result(self):
        found = self.found(
            "| read(2) | works | EIO | works |", "| O_DIRECT | EFAULT | works | works |")
        self.assertEqual(found, ["read(2), locked memory: EIO; documented: works"])

    def test_not_tried_must_be_documented(self):
        lines = ["| read(2) | not tried: why | works | works |",
                 "| O_DIRECT | EFAULT | works | works |"]
        self.assertEqual(len(self.found(*lines)), 1)
        self.assertEqual(self.found(*lines, strict=False), [])

    def test_rows_must_be_the_same(self):
        found = self.found("| read(2) | works | works | works |", "| write(2) | EIO | EIO | EIO |")
        self.assertEqual(sorted(found), [
            "O_DIRECT: documented, but not tried by the program",
            "write(2): not documented; here it is EIO, EIO, EIO"])

    def test_a_row_stands_once(self):
        with self.assertRaises(SystemExit):
            table("| read(2) | works |", "| read(2) | EIO |")


if __name__ == "__main__":
    unittest.main()
