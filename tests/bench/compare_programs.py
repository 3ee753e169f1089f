"""Real programs under weir, against what they take natively and under its peers."""

import os

from measure import Command, Failed, geometric_mean, in_pairs, ratio
from table import Row

JEMALLOC = "LD_PRELOAD=libjemalloc.so.2"
HEAPTRACK = "LD_PRELOAD=/usr/lib/heaptrack/libheaptrack_preload.so"
LEAK_LIMITS = {"python3": 1.5}  # with PYTHONMALLOC=malloc each of its objects is a block

HEADINGS = {
    "pass": "CPU of mode=pass / CPU under libjemalloc.so.2",
    "leak": "CPU of mode=leak with check and report / native CPU",
    "track": "CPU of mode=leak without the check at exit / native CPU",
    "clear": "CPU of mode=leak / the same with clear_freed=none: what clearing freed blocks costs",
    "heaptrack": "CPU of mode=leak / CPU of heaptrack recording",
    "heaptrack-run": "the same / CPU of `heaptrack --raw`, its compressor too, for information",
    "memory": "peak RSS of mode=leak / peak RSS under libjemalloc.so.2",
    "peers": "CPU of others / native CPU, on short inputs, for information",
}


def preload(setting, *options):
    """The environment that puts weir into a program."""
    return ("LD_PRELOAD=" + setting.library, "WEIR_OPTIONS=" + ":".join(options))


def leak(setting, *options):
    """As a user runs it, but for where the report goes."""
    return preload(setting, "mode=leak", "exitcode=0", "log_path=" + os.devnull, *options)


class Comparison:
    """The programs of one group, each run in two ways in turn."""

    def __init__(self, setting, table, group, pairs):
        self.setting = setting
        self.table = table
        self.group = group
        self.pairs = pairs
        self.medians = []

    def compare(self, name, first, second, what="cpu", **target):
        run = self.setting.launcher.run
        try:
            results = in_pairs(lambda: run(first), lambda: run(second), self.pairs)
        except Failed as failure:
            self.table.fail(self.group, name, failure)
            return
        found = ratio(results, what)
        self.medians.append(found.median)
        self.table.add(Row.of(self.group, name, found, **target, more={
            "runs": [[vars(a), vars(b)] for a, b in results],
            **{f"{key} ratio": vars(ratio(results, key)) for key in ("cpu", "wall", "peak")}}))

    def mean(self, **target):
        if len(self.medians) > 1:
            self.table.add(Row(self.group, "geometric mean", geometric_mean(self.medians), **target))


def passing(setting, table):
    group = Comparison(setting, table, "pass", setting.pairs(5))
    for name, program in setting.programs().items():
        group.compare(name, program.under(*preload(setting, "mode=pass")), program.under(JEMALLOC), most=1.03)
    group.mean()


def leaking(setting, table):
    group = Comparison(setting, table, "leak", setting.pairs(5))
    for name, program in setting.programs().items():
        group.compare(name, program.under(*leak(setting)), program, most=LEAK_LIMITS.get(name, 1.3))
    group.mean(most=1.2)


def tracking(setting, table):
    group = Comparison(setting, table, "track", setting.pairs(3))
    for name, program in setting.programs().items():
        group.compare(name, program.under(*preload(setting, "leak_check_at_exit=0")), program)
    group.mean()


def clearing(setting, table):
    group = Comparison(setting, table, "clear", setting.pairs(5))
    with_and_without = leak(setting), leak(setting, "clear_freed=none")
    for name, program in setting.programs().items():
        group.compare(name, *(program.under(*environment) for environment in with_and_without))
    group.mean(most=1.03)
    # What it could cost most: a program that does nothing else.
    large = Command((setting.compiled("large_blocks", "large_blocks.c"), str(setting.work(60_000))))
    group.compare("large blocks, a byte of each page", *(large.under(*environment) for environment in with_and_without))


def heaptrack(setting, table):
    # It does not follow into processes that the program starts, so repacking is here the one that does the work.
    group = Comparison(setting, table, "heaptrack", setting.pairs(3))
    for name, program in setting.programs(instead={"git gc": "git pack"}).items():
        # Only the program itself, recording to nowhere: its compressor and the disk would come on top.
        recording = program.under(HEAPTRACK, "DUMP_HEAPTRACK_OUTPUT=" + os.devnull)
        group.compare(name, program.under(*leak(setting)), recording)
    group.mean(most=0.6)


def heaptrack_run(setting, table):
    group = Comparison(setting, table, "heaptrack-run", setting.pairs(2))
    recorder = ("heaptrack", "--raw", "-o", os.path.join(setting.scratch, "recorded"))
    for name, program in setting.programs(instead={"git gc": "git pack"}).items():
        group.compare(name, program.under(*leak(setting)), program.behind(*recorder))
    group.mean()


def memory(setting, table):
    # The tool that prints the report is a process of its own, often larger than the program; not it is meant.
    group = Comparison(setting, table, "memory", setting.pairs(3))
    environment = preload(setting, "mode=leak", "exitcode=0", "tool=/bin/true")
    for name, program in setting.programs().items():
        group.compare(name, program.under(*environment), program.under(JEMALLOC), what="peak", most=1.3)
    group.mean()


def peers(setting, table):
    group = Comparison(setting, table, "peers", 1)
    # Without libstdc++ in the process Debian 12's liblsan.so.0 crashes at start.
    lsan = ("LD_PRELOAD=liblsan.so.0:libstdc++.so.6",
            "LSAN_OPTIONS=fast_unwind_on_malloc=0:exitcode=0:log_path=" + os.devnull)
    memcheck = ("valgrind", "--quiet", "--leak-check=full", "--num-callers=64", "--log-file=" + os.devnull)
    for name, program in setting.programs(short=True, instead={"git gc": "git pack"}).items():
        group.compare(f"{name}, weir", program.under(*leak(setting)), program)
        group.compare(f"{name}, liblsan, full stacks", program.under(*lsan), program)
        group.compare(f"{name}, memcheck", program.behind(*memcheck), program)


GROUPS = {"pass": passing, "leak": leaking, "track": tracking, "clear": clearing, "heaptrack": heaptrack,
          "heaptrack-run": heaptrack_run, "memory": memory, "peers": peers}
