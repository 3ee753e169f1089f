"""Single costs: a pair of malloc and free, a stack, a second thread, a start."""

import os
import statistics
import subprocess

from compare_programs import JEMALLOC, leak, preload
from measure import MOST_SECONDS, Command, Failed, Ratio, in_pairs
from programs import PYTHON
from table import Row

HEADINGS = {
    "pair": "CPU of a malloc/free pair in a loop, mode=pass / libjemalloc.so.2",
    "unwind": "CPU that a stack adds to a pair, mode=leak / unw_backtrace",
    "threads": "rate of two threads / rate of one",
    "startup": "CPU milliseconds that weir adds to a process",
}

DEPTHS = (5, 20, 50, 200)
MOST_FRAMES = 256


def loop(setting, *arguments, environment=()):
    """Nanoseconds a pair: (CPU, wall)."""
    program = setting.compiled("loop", "loop.c", "-lpthread", "-ldl")
    ran = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=MOST_SECONDS,
                         env={**os.environ, **dict(pair.split("=", 1) for pair in environment)})
    if ran.returncode != 0:
        raise Failed(f"loop {arguments}: status {ran.returncode}: {ran.stderr[:300]}")
    cpu, wall = ran.stdout.split()
    return float(cpu), float(wall)


def tracking(setting, *options):
    return preload(setting, "mode=leak", "leak_check_at_exit=0", *options)


def pair(setting, table):
    pairs = setting.work(50_000_000)
    results = in_pairs(lambda: loop(setting, "pair", 1, pairs, environment=preload(setting, "mode=pass"))[0],
                       lambda: loop(setting, "pair", 1, pairs, environment=(JEMALLOC,))[0], setting.pairs(9))
    table.add(Row.of("pair", "tight loop, 64 bytes", Ratio.of([a / b for a, b in results]), most=1.15,
                     more={"ns": results}))


def unwind_at(setting, table, kind, depth, **target):
    pairs = setting.work(10_000_000)
    slow_pairs = max(pairs * 5 // (depth + 5), 50_000)
    ways = {
        "plain": lambda: loop(setting, kind, depth, pairs)[0],
        "unw_backtrace": lambda: loop(setting, kind, depth, slow_pairs, MOST_FRAMES)[0],
        "pass": lambda: loop(setting, kind, depth, pairs, environment=preload(setting, "mode=pass"))[0],
        "one frame": lambda: loop(setting, kind, depth, pairs,
                                  environment=tracking(setting, "malloc_context_size=1"))[0],
        "leak": lambda: loop(setting, kind, depth, pairs,
                             environment=tracking(setting, f"malloc_context_size={MOST_FRAMES}"))[0],
    }
    rounds = []
    for number in range(setting.pairs(5)):
        order = list(ways) if number % 2 == 0 else list(reversed(ways))
        took = {way: ways[way]() for way in order}
        rounds.append(took)
    middle = {way: statistics.median(took[way] for took in rounds) for way in ways}
    theirs = [took["unw_backtrace"] - took["plain"] for took in rounds]
    # All that mode=leak adds, headers and counts too: an upper bound of what its stacks cost.
    all_of_it = Ratio.of([(took["leak"] - took["pass"]) / other for took, other in zip(rounds, theirs)])
    name = f"depth {depth}" + ("" if kind == "pair" else ", stacks change")
    table.add(Row.of("unwind", name, all_of_it, **target, more={"ns": middle, "rounds": rounds}))
    outer = Ratio.of([(took["leak"] - took["one frame"]) / other for took, other in zip(rounds, theirs)])
    table.add(Row.of("unwind", "  of it frames beyond the first", outer))


def unwind(setting, table):
    for kind in ("pair", "walk"):
        for depth in DEPTHS:
            target = {"most": 0.10} if (kind, depth) == ("pair", 20) else {}
            unwind_at(setting, table, kind, depth, **target)


def threads(setting, table):
    """By the clock, and by the CPU that each thread was given, which other programs' load does not lengthen.

    Where not even the peers' threads reach the target, the machine was busy and the clock shows nothing.
    """
    pairs = setting.work(12_000_000)
    ways = {"mode=pass": preload(setting, "mode=pass"), "mode=leak": tracking(setting),
            "libjemalloc.so.2": (JEMALLOC,), "glibc": ()}
    rounds = {way: [] for way in ways}
    for number in range(setting.pairs(9)):
        for way, environment in ways.items():
            order = (1, 2) if number % 2 == 0 else (2, 1)
            took = {count: loop(setting, "replace", count, pairs, environment=environment) for count in order}
            # The clock's figure is a pair of all threads, the CPU's is one of each thread.
            rounds[way].append((took[1][1] / took[2][1], 2 * took[1][0] / took[2][0]))
    best_peer = max(statistics.median(clock for clock, _ in rounds[way]) for way in ("libjemalloc.so.2", "glibc"))
    busy = f"the machine was busy: the best peer reached {best_peer:.2f}" if best_peer < 1.9 else None
    for way, ratios in rounds.items():
        ours = way.startswith("mode=")
        table.add(Row.of("threads", f"{way}, by the clock", Ratio.of([clock for clock, _ in ratios]),
                         least=1.9 if ours else None, doubt=busy))
        table.add(Row.of("threads", f"{way}, by their CPU", Ratio.of([cpu for _, cpu in ratios]),
                         least=1.9 if ours else None))


def startup(setting, table):
    programs = {"true": ("true",), "git --version": ("git", "--version"), "python3 -c pass": (PYTHON, "-c", "pass")}
    times = setting.work(40)
    for name, arguments in programs.items():
        command = Command(arguments)
        for mode, environment in (("pass", preload(setting, "mode=pass")), ("leak", leak(setting))):
            def run(what):
                return setting.launcher.run(what, times)
            results = in_pairs(lambda: run(command.under(*environment)), lambda: run(command), setting.pairs(5))
            added = Ratio.of([(a.cpu - b.cpu) * 1e3 for a, b in results])
            wall = Ratio.of([(a.wall - b.wall) * 1e3 for a, b in results])
            native = statistics.median(b.cpu for _, b in results) * 1e3
            table.add(Row.of("startup", f"{name}, mode={mode}", added, unit="ms",
                             more={"wall": vars(wall), "native cpu": native}))


GROUPS = {"pair": pair, "unwind": unwind, "threads": threads, "startup": startup}
