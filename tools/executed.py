"""Run by gdb on a program: which sections of a library it executes, each entered by its beginning.

Not by valgrind, which knows no memfd_secret(2). From the environment: LIBRARY, to be preloaded;
SECTIONS, a file with a line "ADDRESS NAME" for each; EXECUTED, a file that the names are added to;
FOLLOW, the parent or the child, when the program forks.
"""

import os
import pathlib

import gdb


class Once(gdb.Breakpoint):
    """Stops nobody: notes the section and is gone."""

    def __init__(self, address, name):
        super().__init__(f"*{address:#x}", internal=True)
        self.name = name

    def stop(self):
        self.enabled = False
        with open(os.environ["EXECUTED"], "a", encoding="ascii") as file:
            print(self.name, file=file)
        return False


def library_address():
    """Where it was loaded; None: nowhere yet."""
    maps = pathlib.Path(f"/proc/{gdb.selected_inferior().pid}/maps").read_text(encoding="utf-8")
    for line in maps.splitlines():
        if line.endswith(os.environ["LIBRARY"]):
            return int(line.split("-")[0], 16)
    return None


def main():
    gdb.execute(f"set exec-wrapper env LD_PRELOAD={os.environ['LIBRARY']}")
    gdb.execute(f"set follow-fork-mode {os.environ['FOLLOW']}")
    gdb.execute("set disable-randomization off")  # Some steps depend on where memory is found.
    # It is mapped then, and nothing of it was executed.
    gdb.execute("set stop-on-solib-events 1")
    gdb.execute("run")
    while (base := library_address()) is None:
        gdb.execute("continue")
    gdb.execute("set stop-on-solib-events 0")
    for line in pathlib.Path(os.environ["SECTIONS"]).read_text(encoding="ascii").splitlines():
        address, name = line.split()
        Once(base + int(address, 16), name)
    gdb.execute("continue")


main()
