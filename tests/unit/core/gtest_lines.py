"""What a GtestAllocator finds is told with function, file and line of the test, also of static functions."""

import os
import shutil
import subprocess
import sys


def lines(source):
    with open(source, encoding="utf-8") as text:
        return {line.split("// line: ")[1].strip(): number for number, line in enumerate(text, 1) if "// line: " in line}


def main(program, source):
    if shutil.which("addr2line") is None:
        print("addr2line is not installed")
        return 77
    at = lines(source)
    # From elsewhere, by a name that means nothing there: the program is found nevertheless.
    done = subprocess.run([os.path.basename(program)], executable=os.path.abspath(program), cwd="/", capture_output=True,
                          text=True, check=False)
    said = done.stdout
    assert done.returncode == 1, said
    name = os.path.basename(source)
    for title, function, line in (("leak: 4 bytes", "make_number", at["leaks"]), ("allocated at", "make_number", at["leaks"]),
                                  ("freed at", "free_twice", at["frees"]), ("found at", "free_twice", at["frees again"])):
        found = [part for part in said.split(title)[1:]
                 if any(f" {function} at " in row and f"{name}:{line}, inlined " in row for row in part.split("\n")[:12])]
        assert found, f"{title}: no {function} at {name}:{line}\n{said}"
    assert "[       OK ] Leaking.LeaksInAChild" in said, said
    assert " (libc.so.6+0x" in said, said
    return 0


sys.exit(main(*sys.argv[1:]))
