"""The real programs, each with an input that is made here, the same each time."""

import os
import subprocess
import sys

from measure import Command

WORKLOADS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workloads")
PYTHON = "/usr/bin/python3"  # Debian's, whatever else is in PATH

# How large the inputs are: a second of CPU and more; for --quick; for peers that take ten times as long and more.
FULL, QUICK, SHORT = range(3)
SIZES = {
    "sqlite3": (150000, 75000, 12000),
    "python3": (18, 9, 1),
    "perl": (15, 7, 1),
    "cc1plus": (2, 1, 0),
    "git": (6000, 3000, 200),
}
# Forms of a program that stand for another where that one cannot be measured.
OTHER_FORMS = ("git pack",)


def generated(scratch, name, script, size):
    """The path of a file with what the script prints."""
    path = os.path.join(scratch, name)
    with open(path, "wb") as output:
        subprocess.run([sys.executable, os.path.join(WORKLOADS, script), str(size)], stdout=output, check=True)
    return path


def sqlite3(scratch, size):
    script = generated(scratch, f"script{size}.sql", "sqlite.py", size)
    return {"sqlite3": Command(("sqlite3", ":memory:"), stdin=script)}


def python3(scratch, size):
    script = os.path.join(WORKLOADS, "objects.py")
    return {"python3": Command((PYTHON, script, str(size)), ("PYTHONMALLOC=malloc",))}


def perl(scratch, size):
    return {"perl": Command(("perl", os.path.join(WORKLOADS, "text.pl"), str(size)), ("PERL_HASH_SEED=0",))}


def cc1plus(scratch, size):
    preprocessed = os.path.join(scratch, f"source{size}.ii")
    source = os.path.join(WORKLOADS, "source.cpp")
    subprocess.run(["g++", "-std=c++20", f"-DPARTS={size}", "-E", source, "-o", preprocessed], check=True)
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True, text=True)
    return {"cc1plus": Command((compiler.stdout.strip(), "-std=c++20", "-fpreprocessed", "-O1", "-quiet",
                                preprocessed, "-o", os.devnull))}


def git(scratch, size):
    """Two programs: one process that reads much, and a repacking with the processes that it starts."""
    home = os.path.join(scratch, f"history{size}")
    alone = ("GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.devnull)
    environment = {**os.environ, **dict(pair.split("=", 1) for pair in alone)}
    subprocess.run(["git", "init", "-q", "-b", "main", home], check=True, env=environment)
    for key, value in {"gc.auto": "0", "maintenance.auto": "false", "core.fsync": "none"}.items():
        subprocess.run(["git", "-C", home, "config", key, value], check=True, env=environment)
    with open(generated(scratch, f"history{size}.import", "history.py", size), "rb") as history:
        subprocess.run(["git", "-C", home, "fast-import", "--quiet"], stdin=history, check=True, env=environment)
    subprocess.run(["git", "-C", home, "repack", "-adfq"], check=True, env=environment)
    return {
        "git log": Command(("git", "log", "-p", "--stat"), alone, directory=home),
        "git gc": Command(("git", "repack", "-adfq"), alone, directory=home),
        "git pack": Command(("git", "pack-objects", "--all", "--no-reuse-delta", "--quiet", "--stdout"), alone,
                            directory=home),
    }


MAKERS = {"sqlite3": sqlite3, "python3": python3, "perl": perl, "cc1plus": cc1plus, "git": git}


def make(scratch, size, only):
    """The programs by name, as they run natively."""
    made = {}
    for name in only:
        made.update(MAKERS[name](scratch, SIZES[name][size]))
    return made
