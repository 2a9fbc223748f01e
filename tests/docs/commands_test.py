"""The documents' commands are what can be typed: commands_test.py ROOT SECALLOC LIBRARIES...

* Every command line of a block is in commands.txt with what runs it, and the other way round; those
  that are to be run here are.
* Scripts, files and Bazel's targets that text or blocks name exist; so do scripts' options.
* Links lead to files and headings. C and C++ in README.md's blocks compile.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT, SECALLOC = pathlib.Path(sys.argv[1]).resolve().parent, pathlib.Path(sys.argv[2]).resolve()
LIBRARIES = {pathlib.Path(library).name: str(pathlib.Path(library).resolve())
             for library in sys.argv[3:]}
OTHER_TEST = "docs/recipes.md"
COMMAND = re.compile(
    r"([A-Z_]+=\S+ ?)*(bazel |docker |bpftrace |perf |gdb |secalloc |PROGRAM$|"
    r"(bazel-bin|bench|examples|tests|tools)/\S+(\.sh|secalloc)\b)|LIBRARY=")
COMMENT = re.compile(r"\s{2,}#.*|\s+#\s.*")
LABEL = re.compile(r"(?<![\w:])//(?!:)[\w/.-]+(?::[\w.-]+)?")
PLACE = re.compile(r"(?:allocator|bench|docs|examples|include|preload|tests|tools)/[\w./-]+")
LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")
failures = []


def fail(document, what):
    failures.append(f"FAILED: {document}: {what}")


def documents():
    names = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
    folder = ROOT / "docs"
    return [ROOT / name for name in names] + sorted(folder.rglob("*.md"))


def blocks(text):
    """Indented blocks, without the indent; a line's end in \\ joins it to the next."""
    text = re.sub(r"^(?=\S)", "\0", text, flags=re.MULTILINE)
    for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))*)+", text, re.MULTILINE):
        yield re.sub(r"\s*\\\n\s*", " ", re.sub(r"^    ", "", block, flags=re.MULTILINE))


def commands(text):
    for block in blocks(text):
        for line in block.splitlines():
            if COMMAND.match(line):
                yield COMMENT.sub("", line).strip()


def target_exists(label):
    package, _, name = label[2:].partition(":")
    folder = ROOT / package.removesuffix("...").rstrip("/")
    if label.endswith("..."):
        return folder.is_dir()
    name = name or folder.name
    build = folder / "BUILD"
    return build.is_file() and (name == "all" or f'"{name}"' in build.read_text() or
                                (folder / name).is_file())


def check_names(document, text):
    for label in set(LABEL.findall(text)):
        if not target_exists(label):
            fail(document, f"no target {label}")
    code = "\n".join(re.findall(r"`([^`\n]+)`", text) + list(blocks(text)))
    for place in set(PLACE.findall(re.sub(r"//[\w/:.-]+|bazel-bin/\S+|\S+_alloc/\S+", "", code))):
        place = place.rstrip("./")
        if not (ROOT / place).exists() and not list(ROOT.glob(place + ".*")):
            fail(document, f"there is no {place}")


def check_options(document, command):
    """A script's options are in its text; secalloc's in its help."""
    words = command.split(" -- ")[0].split()
    script = ROOT / words[0]
    if words[0].endswith(".sh"):
        known = script.read_text()
    elif words[0].endswith("secalloc"):
        known = subprocess.run([SECALLOC, words[1], "--help"], capture_output=True, text=True,
                               check=True).stdout
    else:
        return
    for option in (word.split("=")[0] for word in words[1:] if word.startswith("-")):
        if option not in known:
            fail(document, f"{words[0]} knows no {option}: {command}")


def anchors(path):
    headings = re.findall(r"^#+ (.*)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(document, path, text):
    for link in LINK.findall(text):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            fail(document, f"link to {link}: no such file")
        elif anchor and anchor not in anchors(target):
            fail(document, f"link to {link}: no such heading")


def run(command, folder, pid):
    for name, place in LIBRARIES.items():
        command = re.sub(r"/[^\s:]+/" + re.escape(name), place, command)
    command = command.replace("bazel-bin/preload/command/secalloc", str(SECALLOC))
    command = re.sub(r"\bPROGRAM( \.\.\.)?", "openssl rand -hex 4", command)
    command = re.sub(r"\bPID\b", str(pid), command)
    result = subprocess.run(["bash", "-euc", command], cwd=folder, capture_output=True, text=True,
                            timeout=60, check=False)
    # What a machine can't keep, doctor says by its status.
    good = (0, 1) if command.endswith(" doctor") else (0,)
    if result.returncode not in good or re.search("ld.so|does nothing alone", result.stderr):
        fail("commands.txt", f"exit {result.returncode}: {command}\n{result.stderr}")
    else:
        print(f"ok: {command}")


def check_commands(found):
    table = {}
    for line in (ROOT / "tests/docs/commands.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            command, _, how = line.rpartition(" -> ")
            table[command] = how
    for command in found - table.keys():
        fail("commands.txt", f"what runs this? {command}")
    for command in table.keys() - found:
        fail("commands.txt", f"no document has it: {command}")
    if os.geteuid() != 0:
        print("SKIP: machine: running the commands, of which some look into processes, needs root")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "genrsa", "-out", folder + "/key.pem"], check=True,
                       capture_output=True)
        with subprocess.Popen([SECALLOC, "run", "sleep", "300"]) as sleeper:
            wait_for_library(sleeper.pid)
            for command, how in table.items():
                check_how(command, how, folder, sleeper.pid)
            sleeper.kill()


def wait_for_library(pid):
    while "secure_alloc" not in pathlib.Path(f"/proc/{pid}/maps").read_text():
        pass


def check_how(command, how, folder, pid):
    if how == "run":
        if os.geteuid() == 0:
            run(command, folder, pid)
        return
    if how.startswith("by hand: "):
        return
    runner = ROOT / how
    script = command.split()[0].rpartition("/")[2]
    if not runner.is_file():
        fail("commands.txt", f"there is no {how}")
    elif script.endswith(".sh") and script not in runner.read_text():
        fail("commands.txt", f"{how} does not run {script}")


def check_code(document, text):
    """Blocks of C and C++, by what they use."""
    c_code, cxx_code = [], []
    for block in blocks(text):
        if "secure_alloc::" in block:
            cxx_code.append(block.replace("...", ";"))
        elif "secalloc_" in block and ";" in block:
            c_code.append(block)
    code = ["#include <secure_alloc/secure_alloc.h>", "int main(void) {"]
    code += ["{\n" + re.sub(r"#include.*", "", block) + "}" for block in c_code]
    compiler = ["gcc", "-std=c11", "-Wall", "-Wno-unused", "-Werror", "-xc"]
    compile_code(document, compiler, "\n".join(code) + "}")
    code = ["#include <unistd.h>", "#include <array>", "#include <secure_alloc/secret.h>",
            "int fd; int main() {", "auto other = secure_alloc::make_secret<",
            "std::array<unsigned char, 32>>();"]
    compile_code(document, ["g++", "-std=c++17", "-xc++"], "\n".join(code + cxx_code) + "}")


def compile_code(document, compiler, code):
    result = subprocess.run(compiler + ["-fsyntax-only", f"-I{ROOT}/include", "-"], input=code,
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        fail(document, f"does not compile:\n{result.stderr}{code}")


def main():
    found = set()
    for path in documents():
        document, text = str(path.relative_to(ROOT)), path.read_text()
        check_names(document, text)
        check_links(document, path, text)
        if document == OTHER_TEST:
            continue
        for command in commands(text):
            found.add(command)
            check_options(document, command)
    check_code("README.md", (ROOT / "README.md").read_text())
    check_commands(found)
    print(*failures, f"{len(found)} commands, {len(failures)} failures", sep="\n")
    return 1 if failures else 0


sys.exit(main())
