"""Starts programs natively and under the preloaded library, and reads what it reported.

Test programs are compiled here, not by meson: each is built at several levels of optimisation, with the flags
that its own header comment asks for, whatever the build type of the project is.
"""

import fnmatch
import glob
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 300  # of a hang; nothing here needs a tenth of it, on a machine that is not busy
SKIPPED = 77

# How much is tested: `scripts/test --quick`, `scripts/test` or `scripts/test --all`.
TIERS = ("quick", "usual", "all")
TIER = os.environ.get("WEIR_TESTS", "usual")
assert TIER in TIERS, f"WEIR_TESTS is {TIER!r}, and none of {TIERS}"
ALL = TIER == "all"

# Frames are asserted by name, so calls stay calls; what the compiler could prove away stays in.
CFLAGS = ["-g", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fno-optimize-sibling-calls", "-fno-builtin-malloc",
          "-fno-builtin-calloc", "-fno-builtin-realloc", "-fno-builtin-free", "-I" + HERE]

# Programs start as a shell would start them, also where the tests themselves run in the background.
for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)


class Failure(Exception):
    """A test's expectation did not hold; the text says which."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Result:
    def __init__(self, status, stdout, stderr, documents, pid):
        self.status, self.stdout, self.stderr, self.pid = status, stdout, stderr, pid
        self.reports = [Report(document) for document in documents if document["reason"] != "incident"]
        self.incidents = [document for document in documents if document["reason"] == "incident"]

    def describe(self):
        return (f"status {self.status}\n--- stdout\n{tail(self.stdout)}\n--- stderr\n{tail(self.stderr)}\n"
                f"--- reports\n" + "\n".join(str(leak) for report in self.reports for leak in report.leaks))


class Leak:
    def __init__(self, entry):
        self.kind, self.bytes, self.blocks = entry["kind"], entry["bytes"], entry["blocks"]
        self.stack, self.tag = entry["frames"], entry.get("tag", "")

    def frames(self):
        """Without weir's own entry points: the stack as the program sees it."""
        return [frame for frame in self.stack if "libweir" not in (frame.get("module") or "")]

    def names(self):
        return [plain_name(frame) for frame in self.frames()]

    def __str__(self):
        return f"leak {self.kind} {self.bytes} {self.blocks} {' < '.join(self.names()[:8])}"


class Report:
    def __init__(self, document):
        self.document = document
        self.pid = document["pid"]
        self.leaks = [Leak(entry) for entry in document["leaks"]]

    def of(self, *kinds):
        return [leak for leak in self.leaks if leak.kind in kinds]


def plain_name(frame):
    """A frame's function without arguments and clone suffix; module+offset where there is no name."""
    name = frame.get("function")
    if not name:
        return f"{os.path.basename(frame.get('module') or '?')}+"
    return without_arguments(re.sub(r"\.(isra|part|constprop|cold)\.?\d*", "", name))


def without_arguments(name):
    """shop::Shelf<int, 3>::fill of `shop::Shelf<int, 3>::fill(int) const`: cut where the last list opens."""
    name = re.sub(r"( const| volatile| &+| \[clone .*\])+$", "", name)
    if not name.endswith(")"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            return name[:at] or name
    return name


def tail(text, limit=4000):
    text = text if isinstance(text, str) else text.decode(errors="replace")
    return text if len(text) <= limit else "…" + text[-limit:]


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


class Weir:
    """The library and the tool under test, with a directory of its own that is removed at the end."""

    def __init__(self, library, tool, cache):
        self.library, self.tool, self.cache = (os.path.abspath(path) for path in (library, tool, cache))
        os.makedirs(self.cache, exist_ok=True)
        self._directory = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.directory = self._directory.name
        self._runs = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def fresh_directory(self):
        self._runs += 1
        path = self.path(f"run{self._runs}")
        os.mkdir(path)
        os.chmod(self.directory, 0o755)
        os.chmod(path, 0o777)
        return path

    # Building

    def build(self, source, flags=(), output=None, compiler=None):
        """Compiles source; the same source with the same flags is compiled once in a build directory."""
        source = os.path.join(HERE, source)
        compiler = compiler or ("g++" if source.endswith(".cpp") else "gcc")
        standard = "-std=gnu++20" if "++" in compiler else "-std=gnu11"
        command = [compiler, standard, *CFLAGS, *flags]
        digest = hashlib.sha256("\0".join(command).encode())
        beside = os.path.join(os.path.dirname(source), "*.h")
        for path in [source, *sorted({*glob.glob(os.path.join(HERE, "*.h")), *glob.glob(beside)})]:
            with open(path, "rb") as file:
                digest.update(file.read())
        stem = os.path.splitext(os.path.basename(source))[0]
        kept = os.path.join(self.cache, digest.hexdigest()[:16])
        target = os.path.join(kept, output or stem)
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            partial = f"{target}.{os.getpid()}"
            libraries = [flag for flag in flags if flag.startswith(("-l", "-Wl,"))]
            built = run_plain([*command, source, "-o", partial, *libraries])
            check(built.returncode == 0, f"does not compile: {shlex.join(command)} {source}\n{built.stderr.decode()}")
            os.replace(partial, target)
        return target

    # Running

    def environment(self, **more):
        home = os.path.join(self.directory, "home")
        os.makedirs(home, exist_ok=True)
        kept = {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
        # The programs' own loops are longer in the long tests: TESTS tells them (check.h).
        return {"TESTS": TIER, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LANG": "C.UTF-8",
                "TMPDIR": self.directory, "TZ": "UTC", **kept, **more}

    def preloaded(self, options="", json_directory=None, **more):
        settings = [f"tool={self.tool}"]
        if json_directory:
            settings.append(f"json_path={json_directory}/%p.json")
        if options:
            settings.append(options)
        others = more.pop("LD_PRELOAD", "")
        return self.environment(LD_PRELOAD=" ".join(filter(None, [self.library, others])),
                                WEIR_OPTIONS=":".join(settings), **more)

    def run(self, argv, options="", preload=True, env=None, timeout=TIMEOUT, cwd=None, stdin=None, prepare=None,
            ignore_signals=False):
        """Runs argv to its end; under the library unless preload is False."""
        directory = self.fresh_directory()
        more = dict(env or {})
        environment = self.preloaded(options, directory, **more) if preload else self.environment(**more)
        with subprocess.Popen(argv, env=environment, cwd=cwd or directory, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                              preexec_fn=prepare) as child:
            try:
                out, err = child.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                stacks = describe_hang(child.pid)
                os.killpg(child.pid, signal.SIGKILL)
                out, err = child.communicate()
                raise Failure(f"{argv}: still running after {timeout} s\n{tail(out)}\n{tail(err)}\n{stacks}") from None
        return Result(child.returncode, out, err, read_documents(directory), child.pid)


def describe_hang(pid):
    """What every thread of a hung program waits in, where the kernel tells."""
    found = []
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(task + "/wchan", encoding="ascii") as where, open(task + "/syscall", encoding="ascii") as call:
                found.append(f"thread {os.path.basename(task)}: {where.read()} syscall {call.read().strip()}")
        except OSError:
            pass
    return "\n".join(found)


def read_documents(directory):
    """What json_path holds, process by process: leak reports, and an incident a line."""
    documents = []
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        with open(path, encoding="utf-8") as file:
            text = file.read().strip()
        while text:
            try:
                document, end = json.JSONDecoder().raw_decode(text)
            except ValueError as error:
                raise Failure(f"{path} is no JSON: {error}") from None
            documents.append(document)
            text = text[end:].lstrip()
    return documents


def run_plain(argv, **how):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          check=False, **how)


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Expected leaks: "direct 40 1 lose < main". `<` is the next frame out, `<<` is some frame further out; a name
# may hold * and ?.

class ExpectedLeak:
    def __init__(self, text, several=False):
        self.text, self.several = text, several
        kind, size, blocks, *frames = text.split(None, 3)
        self.kind = kind
        self.bytes, self.blocks = (None if number == "*" else int(number) for number in (size, blocks))
        self.frames = re.split(r"\s+(<<?)\s+", frames[0].strip()) if frames else []

    def matches(self, *leaks):
        return (self.bytes in (None, sum(leak.bytes for leak in leaks))
                and self.blocks in (None, sum(leak.blocks for leak in leaks))
                and all(self.matches_stack(leak) for leak in leaks))

    def matches_stack(self, leak):
        return self.kind == leak.kind and match_frames(self.frames, leak.names())

    def __str__(self):
        return f"leak {self.text}"


def match_frames(wanted, names):
    if not wanted:
        return True
    if not names or not fnmatch.fnmatchcase(names[0], wanted[0]):
        return False
    if len(wanted) == 1:
        return True
    if wanted[1] == "<":
        return match_frames(wanted[2:], names[1:])
    return any(match_frames(wanted[2:], names[start:]) for start in range(1, len(names)))


def compare_leaks(expected, leaks, what):
    """Every expected leak is there once, and nothing else is."""
    left = list(leaks)
    missing = []
    for wanted in sorted(expected, key=lambda each: each.text.count("*")):
        if wanted.several:
            found = [leak for leak in left if wanted.matches_stack(leak)]
        else:
            found = [leak for leak in left if wanted.matches(leak)][:1]
        if found and wanted.matches(*found):
            left = [leak for leak in left if leak not in found]
        else:
            missing.append(wanted)
    if missing or left:
        raise Failure("\n".join([f"{what}: reports other leaks than expected"]
                                + [f"  missing:    {wanted}" for wanted in missing]
                                + [f"  unexpected: {leak}" for leak in left]))


def run_cases(cases):
    """Runs (name, function) pairs, prints a line for each, and ends the test with meson's exit status."""
    failed, skips = 0, []
    total = 0
    for name, function in cases:
        total += 1
        began = time.monotonic()
        try:
            function()
            seconds = time.monotonic() - began
            print(f"ok {name}" + (f" ({seconds:.1f} s)" if seconds >= 1 else ""), flush=True)
        except Skip as reason:
            skips.append(str(reason))
            print(f"skip {name}: {reason}", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAILED {name}: {failure}", flush=True)
    if failed == 0 and skips and len(skips) == total:
        sys.exit(SKIPPED)
    sys.exit(1 if failed else 0)


def only_in_all(function):
    """A test that takes minutes, or shows once more what others show: for scripts/test --all."""
    function.only_in_all = True
    return function


def tests_of(namespace):
    """The test_* functions of a file that are wanted now: (name without test_, function)."""
    return [(name.removeprefix("test_"), function) for name, function in namespace.items()
            if name.startswith("test_") and (ALL or not hasattr(function, "only_in_all"))]


def main(namespace):
    """Runs every test_* function of a scenario file on a Weir: FILE.py LIBRARY TOOL CACHE [PATTERN]."""
    weir = Weir(*sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    run_cases((name, lambda function=function: function(weir))
              for name, function in tests_of(namespace) if pattern in name)
