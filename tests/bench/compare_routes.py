"""What routes bring and what they cost: an arena for a batch program, rules by calling function, and no rules."""

import os
import statistics
import subprocess

from compare_parts import loop
from compare_pool import POOL, routed
from compare_programs import JEMALLOC
from measure import MOST_SECONDS, Command, Failed, Ratio, in_pairs, ratio
from table import Row

HEADINGS = {
    "arena": "a batch program, `size<=1024 -> arena` and libjemalloc.so.2",
    "sites": "CPU that a rule by calling function adds to a malloc/free pair",
    "routes-stats": "CPU of `* -> pool` with stats=1 / without, for information",
    "noroutes": "CPU of mode=pass without rules / the same of the last commit before there were routes",
}

ARENA = "size<=1024 -> arena"
KEPT = 20  # names of each round that outlive it, where some do
BEFORE_ROUTES = "772e31b"
ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def said(arguments, environment):
    """The numbers that a program prints."""
    ran = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=MOST_SECONDS,
                         env={**os.environ, **dict(pair.split("=", 1) for pair in environment)})
    if ran.returncode != 0:
        raise Failed(f"{os.path.basename(arguments[0])}: status {ran.returncode}: {ran.stderr[:300]}")
    return [float(word) for word in ran.stdout.split()]


def arena(setting, table):
    program = setting.compiled("batch", os.path.join("heap", "batch.cpp"))
    weir = routed(setting, ARENA)
    rounds = setting.work(1000)
    run = setting.launcher.run
    for name, kept in (("", 0), (f"{KEPT} kept: ", KEPT)):
        # What the promise is about is the program that drops all; the other shows what survivors cost.
        judged = kept == 0
        command = Command((program, str(rounds), str(kept)))
        results = in_pairs(lambda: run(command.under(*weir)), lambda: run(command.under(JEMALLOC)), setting.pairs(7))
        faster = Ratio.of([theirs.cpu / ours.cpu for ours, theirs in results])
        memory = ratio(results, "peak")
        table.add(Row.of("arena", name + "jemalloc's CPU / weir's", faster, least=1.2 if judged else None,
                         more={"runs": [[vars(a), vars(b)] for a, b in results]}))
        table.add(Row.of("arena", name + "peak RSS / jemalloc's", memory, most=1.5 if judged else None,
                         note=f"{statistics.median(ours.peak for ours, _ in results) / 1024:.1f} MiB"))
        early, late = said(command.arguments, weir)
        theirs = said(command.arguments, (JEMALLOC,))
        table.add(Row("arena", f"{name}RSS after {rounds} / 10 rounds", late / early, most=1.05 if judged else None,
                      note=f"{early / 1024:.1f} MiB, {late / 1024:.1f} MiB; jemalloc {theirs[1] / theirs[0]:.3f}"))


def sites(setting, table):
    program = setting.compiled("sites", os.path.join("heap", "sites.cpp"))
    plain = routed(setting, POOL)
    pairs = setting.work(20_000_000)
    for kind, name, pattern in (("few", "eight calls in one function", "few_sites"),
                                ("many", "256 functions", "*many_sites*")):
        by_caller = routed(setting, f"caller={pattern} -> pool; {POOL}", proof=(program, kind, "1000"))
        results = in_pairs(lambda: said((program, kind, pairs), by_caller)[0],
                           lambda: said((program, kind, pairs), plain)[0], setting.pairs(9))
        ours, theirs = (statistics.median(side) for side in zip(*results))
        table.add(Row.of("sites", name, Ratio.of([a - b for a, b in results]), unit="ns", most=2,
                         note=f"{ours:.1f} ns, {theirs:.1f} ns", more={"ns": results}))


def routes_stats(setting, table):
    plain = routed(setting, POOL)
    counted = routed(setting, POOL, "stats=1", "log_path=" + os.devnull)
    pairs = setting.work(50_000_000)
    results = in_pairs(lambda: loop(setting, "pair", 1, pairs, environment=counted)[0],
                       lambda: loop(setting, "pair", 1, pairs, environment=plain)[0], setting.pairs(5))
    table.add(Row.of("routes-stats", "tight loop, 64 bytes", Ratio.of([a / b for a, b in results]),
                     more={"ns": results}))
    compare_programs_of(setting, table, "routes-stats", setting.pairs(5), counted, plain)


def compare_programs_of(setting, table, group, pairs, first, second, **target):
    run = setting.launcher.run
    for name, program in setting.programs(of=("sqlite3", "python3")).items():
        results = in_pairs(lambda: run(program.under(*first)), lambda: run(program.under(*second)), pairs)
        table.add(Row.of(group, name, ratio(results, "cpu"), **target,
                         more={"runs": [[vars(a), vars(b)] for a, b in results]}))


def library(setting, name, source):
    """libweir.so of that source, with its functions at the same places of their cache lines as in any other such
    build: where the linker puts malloc and free is worth more than the hundredth that is looked for."""
    build = os.path.join(setting.scratch, name + "-build")
    aligned = "-falign-functions=64"
    for command in (("meson", "setup", build, source, "-Dtests=disabled", f"-Dcpp_args={aligned}", f"-Dc_args={aligned}"),
                    ("ninja", "-C", build, "shim/libweir.so")):
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode != 0:
            raise Failed(f"{' '.join(command[:2])}: {ran.stdout[-500:]}")
    return ("LD_PRELOAD=" + os.path.join(build, "shim", "libweir.so"), "WEIR_OPTIONS=mode=pass")


def noroutes(setting, table):
    earlier = os.path.join(setting.scratch, "earlier")
    os.mkdir(earlier)
    archive = subprocess.run(["git", "archive", BEFORE_ROUTES], check=True, capture_output=True, cwd=ROOT).stdout
    subprocess.run(["tar", "-x", "-C", earlier], input=archive, check=True)
    before, now = library(setting, "earlier", earlier), library(setting, "present", ROOT)
    # A hundredth is less than what two runs differ by: many pairs.
    pairs = setting.work(20_000_000)
    results = in_pairs(lambda: loop(setting, "pair", 1, pairs, environment=now)[0],
                       lambda: loop(setting, "pair", 1, pairs, environment=before)[0], setting.pairs(41))
    table.add(Row.of("noroutes", "tight loop, 64 bytes", Ratio.of([a / b for a, b in results]), most=1.01,
                     more={"ns": results}))
    compare_programs_of(setting, table, "noroutes", setting.pairs(15), now, before, most=1.01)


GROUPS = {"arena": arena, "sites": sites, "routes-stats": routes_stats, "noroutes": noroutes}
