"""Runs everyday programs in each mode and writes docs/COMPATIBILITY.md: realworld.py BUILD_DIRECTORY [PATTERN]

Called by scripts/realworld. Each cell of the table is one run of tests/preload/real_programs.py, in a process of its
own. A run with a PATTERN renews the rows that match and leaves the others as the document has them.
"""

import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRELOAD = os.path.join(ROOT, "tests", "preload")
FOLDERS = [PRELOAD, *(os.path.join(PRELOAD, folder) for folder in ("guard", "guard_pages", "routes", "real"))]
DOCUMENT = os.path.join(ROOT, "docs", "COMPATIBILITY.md")
sys.path[:0] = FOLDERS

import harness  # noqa: E402  (its folder is known only now)

harness.main = lambda _: None  # everyday.py ends in a call of it
import everyday  # noqa: E402

# Set-up and mode as real_programs.py takes them, and the column's heading.
COLUMNS = {"plain leak": "leak", "guard leak": "guard", "sampled leak": "guard=page, 1 of 100", "pool pass": "pool",
           "arena pass": "arena", "pool leak": "leak, pool"}

# Of the scripts that are tests by themselves: title, test, how it tells its version, what must be there.
OTHERS = [
    ("bash", "shell/script", "bash --version"), ("dash", "shell/posix_shell", "dpkg-query -Wf '${Version}' dash"),
    ("git, init to gc and clone", "git/from_init_to_clone", "git --version"),
    ("perl, threads and fork", "perl/script", "perl --version"),
    ("python3, threads and multiprocessing", "python/script", "python3 --version"),
    ("python3 with PYTHONMALLOC=malloc", "python/script_without_its_own_allocator", "python3 --version"),
    ("python3's own tests of threads", "python/threading", "python3 --version"),
    ("python3's own tests of fork", "python/fork", "python3 --version"),
    ("python3's own tests of ctypes", "python/ctypes", "python3 --version"),
    ("python3's own tests of asyncio (part)", "python/asyncio", "python3 --version"),
    ("node, workers", "node/script", "node --version"), ("java", "java/script", "java --version"),
    ("g++", "compilers/cpp", "g++ --version"), ("gcc with lto", "compilers/link_time_optimisation", "gcc --version"),
    ("sqlite3", "sqlite/on_disk", "sqlite3 --version"),
    ("redis-server, redis-benchmark", "redis/benchmark", "redis-server --version"),
    ("nginx, two workers under ab", "nginx/load", "nginx -v"),
]

HEAD = """# What weir runs with

A script that uses a program runs natively and under weir; **same** means the same standard output and exit status, and
no report of a misuse. Most scripts start children, threads and forks; daemons are asked to end and wait for it.
`scripts/realworld` runs them and writes this table, `scripts/test real` runs them as tests. A program that is missing
is left out, `scripts/realworld --install` gets it from Debian. What each does is in `tests/preload/real`.

| column | is |
| --- | --- |
| leak | `mode=leak`, with the check at the end of each process |
| guard | `mode=guard` with canaries |
| guard=page, 1 of 100 | `mode=guard:guard=page:guard_every=100` |
| pool, arena | `mode=pass` under the rule `* -> pool`, `* -> arena` |
| leak, pool | `mode=leak` under the rule `* -> pool` |

"""

OUTSIDE = """
## Outside of weir's reach

- **Statically linked programs**: there is no loader that could preload. **Go** hardly uses libc where it is linked to it,
  and what ends by a system call of its own, past libc's exit and _exit, writes no report. Of the programs above: {outside}.
- **Programs with an allocator of their own** run as they do natively, but their blocks are not seen; one line says so.
  Of the programs above: {own}.
- **Runtimes with a garbage collector or pools of their own** (java, node, ruby, php, python, emacs): weir sees what they
  take from malloc. `USE_ZEND_ALLOC=0` and `PYTHONMALLOC=malloc` turn off those of php and python.
- **qemu-user**: weir is in the emulator, and in an x86-64 guest, but there is no report of either. Guests for other
  processors do not load it.
- **Setuid programs, musl, 32 bits, sanitizers**: see [the limits](../README.md#limits).
- **What a daemon starts with an environment of its own** (the shell of an ssh login, a CGI) has no `LD_PRELOAD` unless
  the daemon passes it on.
"""


def rows():
    """(test, title, version command, reason why it cannot run)"""
    for title, test, version in OTHERS:
        yield test, title, version, ""
    for script in everyday.scripts():
        yield f"everyday/{script.name}", script.title, script.version, script.missing()


def version_of(command):
    environment = {**os.environ, "PATH": everyday.PATH}  # the program that was run, not the caller's own
    ran = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
    found = re.search(r"\d+(?:\.\d+)+[a-z]?\d*", ran.stdout + ran.stderr)
    return found[0] if found else ""


def run_cell(build, test, column):
    paths = [os.path.join(build, path) for path in ("shim/libweir.so", "tools/weir", "test-programs")]
    command = [sys.executable, os.path.join(PRELOAD, "real_programs.py"), *paths, *column.split(), test]
    environment = {**os.environ, "PYTHONPATH": ":".join(FOLDERS[:-1])}
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, stdin=subprocess.DEVNULL)
    name = test.replace("/", " ")
    for line in ran.stdout.splitlines():
        word, _, rest = line.partition(f" {name}")
        if word == "ok":
            return "same", ""
        if word == "skip" and rest.startswith(": known: "):
            return "known", rest.removeprefix(": known: ")
        if word == "skip":
            return "skip", rest.lstrip(": ")
        if word == "FAILED":
            return "differs", ran.stdout[ran.stdout.index(line):]
    return "differs", ran.stdout + ran.stderr


def read_document():
    """What the document says of each test, so that a run of some programs leaves the others' rows as they are."""
    found = {}
    tests = {title: test for test, title, _, _ in rows()}
    if not os.path.exists(DOCUMENT):
        return found
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if len(cells) == 2 + len(COLUMNS) and cells[0] in tests:
                words = ("differs" if word == "**differs**" else word for word in cells[2:])
                found[tests[cells[0]]] = {"version": cells[1], "cells": {c: (word, "") for c, word in zip(COLUMNS, words)}}
    return found


def write_document(found):
    lines = [HEAD, "| program | version | " + " | ".join(COLUMNS.values()) + " |\n", "| --- " * (len(COLUMNS) + 2) + "|\n"]
    missing = []
    for test, title, _, _ in rows():
        row = found.get(test)
        if row is None or all(word == "skip" for word, _ in row["cells"].values()):
            missing.append(title)
            continue
        words = [row["cells"].get(column, ("", ""))[0] for column in COLUMNS]
        lines.append(f"| {title} | {row['version']} | " + " | ".join("**differs**" if w in ("differs", "known") else w for w in words) + " |\n")
    scripts = everyday.scripts()
    for script in scripts:
        if f"everyday/{script.name}" in found:
            notes = [script.note, f"in mode=guard {script.known_guard}" if script.known_guard else ""]
            lines += [f"\n{script.title}: {note}.\n" for note in notes if note]
    if missing:
        lines.append("\nNot run when this was written: " + "; ".join(missing) + ".\n")
    lines.append(OUTSIDE.format(outside="; ".join(f"{s.name} ({s.outside})" for s in scripts if s.outside) or "none",
                                own="; ".join(" ".join(s.own) for s in scripts if s.own) or "none"))
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.writelines(lines)


def main():
    build, pattern = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    found = read_document()
    chosen = [row for row in rows() if pattern in row[0] or fnmatch.fnmatch(row[0], pattern) or pattern in row[1]]
    if not chosen:
        print(f"no program matches {pattern!r}", file=sys.stderr)
        return 1

    counts = {"same": 0, "differs": 0, "known": 0, "skip": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {}
        for test, title, version, reason in chosen:
            if reason:
                print(f"skipped: {title}: {reason}")
                continue
            started[test] = [(column, pool.submit(run_cell, build, test, column)) for column in COLUMNS]
        for test, title, version, _ in chosen:
            if test not in started:
                continue
            cells = {column: cell.result() for column, cell in started[test]}
            found[test] = {"version": version_of(version), "cells": cells}
            print(f"{title}: " + ", ".join(f"{COLUMNS[column]} {word}" for column, (word, _) in cells.items()), flush=True)
            for column, (word, text) in cells.items():
                counts[word] += 1
                if word == "differs":
                    print(f"  {COLUMNS[column]}: " + text.replace("\n", "\n    "), flush=True)
    write_document(found)
    print(f"{counts['same']} same, {counts['differs']} different, {counts['known']} known, {counts['skip']} skipped")
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
