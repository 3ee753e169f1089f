"""Runs one test program as its header comment says: program_test.py LIBRARY TOOL CACHE PROGRAM

The program's source holds lines `//: WORD …`:

  leak KIND BYTES BLOCKS FRAME < FRAME …   a leak that must be reported (see harness.ExpectedLeak); all of them,
                                           and no other, must be
  leaks …                                  the same in several stacks: their sum
  child leak …                             the same for the processes that the program starts
  exit N / signal NAME                     how it ends: default 23 with a leak, else 0
  stdout TEXT / stderr REGEX               exactly this output line / this text somewhere; without `stderr`, the
                                           standard error holds a report when there are leaks and else nothing
  options KEY=VALUE:…                      WEIR_OPTIONS
  env NAME=VALUE, args …, flags …          environment, arguments, compiler flags
  levels O0 O2 …                           optimisation, default O0 and O2
  modes native leak pass                   default leak; `native` shows that the expectations are libc's own
  plugin NAME SOURCE FLAGS…                a shared object beside the program, named by $PLUGINS/NAME (in flags and env)
  needs PATH…                              skipped where it is missing

Two runs of a program that does the same give the same verdict: those of leaks/ run WEIR_REPEATS times, 10 times in the
long tests, and each time as it says.
"""

import os
import re
import shlex
import signal
import sys

import harness
from harness import ExpectedLeak, Skip, check, compare_leaks, equal

REPEATS = int(os.environ.get("WEIR_REPEATS", "10" if harness.ALL else "1"))


class Header:
    def __init__(self, path):
        self.leaks, self.child_leaks, self.stdout, self.stderr, self.plugins = [], [], [], [], []
        self.options, self.env, self.args, self.flags, self.needs = "", {}, [], [], []
        self.levels, self.modes, self.status = ["O0", "O2"], ["leak"], None
        with open(path, encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                match = re.match(r"\s*//: (\w+)\s*(.*?)\s*$", line)
                if match:
                    reader = getattr(self, "read_" + match[1], None)
                    check(reader is not None, f"{path}:{number}: no such word: {match[1]}")
                    reader(match[2])
        if self.status is None:
            self.status = 23 if self.leaks else 0

    def read_leak(self, text):
        self.leaks.append(ExpectedLeak(text))

    def read_leaks(self, text):
        self.leaks.append(ExpectedLeak(text, several=True))

    def read_child(self, text):
        self.child_leaks.append(ExpectedLeak(text.removeprefix("leak ")))

    def read_exit(self, text):
        self.status = int(text)

    def read_signal(self, text):
        self.status = -getattr(signal, text)

    def read_stdout(self, text):
        self.stdout.append(text)

    def read_stderr(self, text):
        self.stderr.append(text)

    def read_options(self, text):
        self.options = text

    def read_env(self, text):
        name, value = text.split("=", 1)
        self.env[name] = value

    def read_args(self, text):
        self.args = shlex.split(text)

    def read_flags(self, text):
        self.flags += shlex.split(text)

    def read_levels(self, text):
        self.levels = text.split()

    def read_modes(self, text):
        self.modes = text.split()

    def read_plugin(self, text):
        name, source, *flags = shlex.split(text)
        self.plugins.append((name, source, flags))

    def read_needs(self, text):
        self.needs = text.split()


def check_stderr(header, result):
    text = result.stderr.decode(errors="replace")
    for pattern in header.stderr:
        check(re.search(pattern, text, re.M | re.S), f"stderr does not match {pattern!r}")
    counted = [leak for leak in header.leaks if leak.kind in ("direct", "indirect")]
    if header.stderr:
        return
    if not counted and not header.child_leaks:
        equal(text, "", "stderr")
    elif counted:
        lost, blocks = sum(leak.bytes for leak in counted), sum(leak.blocks for leak in counted)
        summary = f"SUMMARY: weir: {lost} byte(s) leaked in {blocks} allocation(s)"
        check("ERROR: weir: detected memory leaks" in text, "stderr has no report")
        check(summary in text, f"stderr lacks {summary!r}")


def check_result(header, mode, result, own_status):
    try:
        equal(result.status, header.status if mode == "leak" else own_status, "exit status")
        if header.stdout:
            equal(result.stdout.decode(errors="replace").splitlines(), header.stdout, "stdout")
        if mode == "leak":
            check_stderr(header, result)
            own = [leak for report in result.reports if report.pid == result.pid for leak in report.leaks]
            children = [leak for report in result.reports if report.pid != result.pid for leak in report.leaks]
            compare_leaks(header.leaks, own, "the program")
            compare_leaks(header.child_leaks, children, "its children")
        elif not header.stderr:
            equal(result.stderr.decode(errors="replace"), "", "stderr")
    except harness.Failure as failure:
        raise harness.Failure(f"{failure}\n{result.describe()}") from None


def run_case(weir, source, header, level, mode):
    for path in header.needs:
        if not os.path.exists(path):
            raise Skip(f"{path} is not here")
    plugins = weir.fresh_directory()
    for name, plugin, flags in header.plugins:
        built = weir.build(os.path.join(os.path.dirname(source), plugin), ["-" + level, "-fPIC", "-shared", *flags], name)
        os.makedirs(os.path.dirname(os.path.join(plugins, name)), exist_ok=True)
        os.symlink(built, os.path.join(plugins, name))
    program = weir.build(source, ["-" + level, "-pthread", *(f.replace("$PLUGINS", plugins) for f in header.flags)])
    options = ":".join(filter(None, [header.options, "mode=pass" if mode == "pass" else ""]))
    own_status = 0 if header.leaks or header.status == 23 else header.status
    for _ in range(REPEATS if os.path.basename(os.path.dirname(source)) == "leaks" else 1):
        result = weir.run([program, *header.args], options, preload=mode != "native",
                          env={**{name: value.replace("$PLUGINS", plugins) for name, value in header.env.items()},
                               "PLUGINS": plugins})
        check_result(header, mode, result, own_status)


def main():
    weir = harness.Weir(*sys.argv[1:4])
    source = os.path.abspath(sys.argv[4])
    header = Header(source)
    harness.run_cases((f"{level} {mode}", lambda level=level, mode=mode: run_case(weir, source, header, level, mode))
                      for level in header.levels for mode in header.modes)


if __name__ == "__main__":
    main()
