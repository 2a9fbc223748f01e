"""Types at real shells: completion_test.py SECALLOC COMPLETION_FILE. Which shell: by the file."""
import os
import pty
import re
import select
import subprocess
import sys
import time

SECONDS = 20


def setup_line(secalloc, completion):
    """Loads the completion; its last words show that it was done."""
    folder = os.path.dirname(completion)
    if completion.endswith(".bash"):
        # Lists without asking: what is typed next is not the answer.
        load = (f". {completion}; bind 'set completion-query-items 0'; "
                "bind 'set page-completions off'")
    else:
        load = f"fpath=({folder} $fpath); autoload -U compinit; compinit -D -u; LISTMAX=10000"
    return f"{load}; PATH={os.path.dirname(secalloc)}:$PATH; PS1='> '; echo REA''DY"


class Shell:
    def __init__(self, command, tabs, setup):
        self.tabs = tabs
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execvp(command[0], command)
        self.text = ""
        self.type(setup + "\n")
        self.expect("READY")

    def type(self, text):
        self.text = ""
        os.write(self.terminal, text.encode())

    def expect(self, pattern):
        """Waits for it in what has come since the last type()."""
        end = time.monotonic() + SECONDS
        while not re.search(pattern, self.text):
            if time.monotonic() > end:
                raise SystemExit(f"FAILED: no '{pattern}' in {self.text!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                came = os.read(self.terminal, 65536).decode(errors="replace")
                self.text += came.replace("\a", "")

    def completes(self, typed, pattern):
        self.type(typed + self.tabs)
        self.expect(pattern)
        print(f"ok: {typed}<TAB> {pattern}")
        # An empty line, and all of the answer read, for the next.
        self.type("\x15echo AGA''IN\n")
        self.expect("AGAIN")

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def helped(secalloc, *words):
    return subprocess.run([secalloc, *words, "--help"], capture_output=True, text=True,
                          check=True).stdout


def main():
    secalloc, completion = map(os.path.abspath, sys.argv[1:])
    bash = completion.endswith(".bash")
    command = ["bash", "--norc", "-i"] if bash else ["zsh", "-f", "-i"]
    # What is ambiguous is listed at the second in bash, at the first in zsh.
    shell = Shell(command, "\t\t" if bash else "\t", setup_line(secalloc, completion))
    commands = re.findall(r"^  ([a-z]+) ", helped(secalloc), re.M)
    assert "doctor" in commands
    for name in commands:
        shell.completes(f"secalloc {name[:-1]}", f"secalloc {name} |{name}\\b")
        if name == "help":
            continue
        options = re.findall(r"^  (--[a-z]+)", helped(secalloc, name), re.M)
        assert "--help" in options, name
        for option in options:
            # The echo of what was typed isn't it: a letter is missing there.
            shell.completes(f"secalloc {name} {option[:-1]}", option)
    for typed, pattern in [
            ("secalloc run --fallback=pl", "--fallback=plain "),
            ("secalloc run --stats=j", "--stats=json:"),
            ("secalloc run --library /etc/passw", "/etc/passwd"),
            ("secalloc run -- unam", "-- uname "),
            ("secalloc run --force cat /etc/passw", "cat /etc/passwd"),
            ("secalloc run --scope=all --sc", "--scope=all --scope="),
            ("secalloc scan 1 --key /etc/passw", "--key /etc/passwd"),
            ("secalloc scan --key=/etc/passw", "--key=/etc/passwd"),
            ("secalloc help doc", "help doctor "),
            (f"{secalloc} doct", "secalloc doctor ")]:
        shell.completes(typed, pattern)
    shell.close()


if __name__ == "__main__":
    main()
