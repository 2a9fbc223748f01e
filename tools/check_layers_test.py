"""The tree keeps its layers, and check_layers.py sees each way to break them."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import check_layers  # pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parent.parent


class CheckLayers(unittest.TestCase):
    def found(self, path, include):
        """What is said of a tree whose only source file has this one include."""
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for file, text in ((path, f"// x\n#include {include}\n"),
                               ("tools/bazel/layer.bzl", 'LAYERS = ["os", "base", "heap"]\n')):
                root.joinpath(file).parent.mkdir(parents=True, exist_ok=True)
                root.joinpath(file).write_text(text, encoding="utf-8")
            return list(check_layers.violations(root))

    def refused(self, path, include, reason):
        found = self.found(path, include)
        self.assertEqual(len(found), 1, found)
        self.assertIn(reason, found[0])
        self.assertTrue(found[0].startswith(path))

    def test_the_tree_keeps_its_layers(self):
        self.assertEqual(list(check_layers.violations(ROOT)), [])

    def test_the_tree_is_read(self):
        order = check_layers.layer_order(ROOT)
        self.assertEqual((order[0], order[-1]), ("record", "api"))
        self.assertTrue(all(any(ROOT.glob(f"allocator/{layer}/*.h")) for layer in order), order)

    def test_downward_includes_are_allowed(self):
        self.assertEqual(self.found("allocator/heap/a.cc", '"allocator/os/os.h"'), [])
        self.assertEqual(self.found("allocator/heap/a.cc", '"allocator/heap/b.h"'), [])
        self.assertEqual(self.found("preload/a.cc", '"allocator/heap/b.h"'), [])
        self.assertEqual(self.found("allocator/os/a.cc", "<sys/mman.h>"), [])
        self.assertEqual(self.found("preload/command/a.cc", "<vector>"), [])

    def test_upward_includes_are_refused(self):
        self.refused("allocator/os/a.h", '"allocator/base/b.h"', "layer above")
        self.refused("allocator/base/a.cc", '  "allocator/heap/b.h"', "layer above")
        self.refused("allocator/heap/a.cc", '"preload/rules.h"', "layer above")

    def test_unknown_layers_are_refused(self):
        self.refused("allocator/extra/a.cc", '"allocator/os/os.h"', "no layer")
        self.refused("allocator/heap/a.cc", '"allocator/extra/b.h"', "no layer")

    def test_system_calls_outside_os_are_refused(self):
        for header in ("<sys/mman.h>", "<sys/syscall.h>", "<linux/futex.h>", "<asm/unistd.h>"):
            self.refused("allocator/heap/a.cc", header, "allocator/os only")
        self.refused("preload/a.cc", '"allocator/os/syscall.h"', "allocator/os only")

    def test_allocating_headers_are_refused(self):
        for header in ("<string>", "<vector>", "<iostream>", "<memory>", "<map>", "<thread>"):
            self.refused("allocator/base/a.h", header, "C++ header")

    def test_the_command_stays_beside_the_allocator(self):
        self.refused("preload/command/run/a.cc", '"allocator/os/os.h"', "must not need")


if __name__ == "__main__":
    unittest.main()
