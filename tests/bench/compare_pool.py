"""Real programs and workloads with every request routed to a pool, against what peers take for them."""

import json
import os
import statistics

from compare_programs import JEMALLOC, preload
from measure import Command, Failed, Ratio, geometric_mean, in_rounds
from programs import PYTHON
from table import Row

HEADINGS = {
    "pool": "CPU of `* -> pool` / CPU under libjemalloc.so.2, and what others take",
    "pool memory": "peak RSS of `* -> pool` / peak RSS under libjemalloc.so.2, and what others take",
}

POOL = "* -> pool"
PEERS = {"jemalloc": (JEMALLOC,), "mimalloc": ("LD_PRELOAD=libmimalloc.so.2",),
         "tcmalloc": ("LD_PRELOAD=libtcmalloc_minimal.so.4",), "glibc": ()}
RIVALS = ("jemalloc", "mimalloc", "tcmalloc")  # the mean has to be lower than the best of these

# A source in workloads/heap/ each, and how much of it is about a second under jemalloc.
WORKLOADS = {"sizes": 22000, "objects": 11000, "containers": 900, "trees": 20, "larson": 15000, "pipeline": 55000,
             "batches": 90000, "phases": 8, "large": 40000, "exchange": 120000, "server": 700, "sharing": 3500000}
THREADED = ("larson", "pipeline", "exchange", "server", "sharing")
PROGRAMS = ("python3", "cc1plus", "sqlite3", "perl")
USUAL = ("sizes", "objects", "containers", "trees", "larson", "pipeline", "python3", "cc1plus", "sqlite3")


def routed(setting, rules, *options, proof=(PYTHON, "-c", "pass")):
    """The environment that puts weir with these rules into a program. A build that does not route would show what
    its parent takes: the first rule has to be taken by `proof`."""
    environment = (*preload(setting, "mode=pass", *options), "WEIR_ROUTES=" + rules)
    counts = os.path.join(setting.scratch, "routes.json")
    counting = (f"LD_PRELOAD={setting.library}", "WEIR_ROUTES=" + rules,
                f"WEIR_OPTIONS=mode=pass:stats=1:stats_path={counts}:log_path={os.devnull}")
    setting.launcher.run(Command(proof, counting))
    if not os.path.exists(counts):
        raise Failed(f"this build does not take the rules {rules!r}")
    with open(counts, encoding="utf-8") as text:
        first = json.load(text)["routes"][0]
    os.remove(counts)
    if first["rule"] == "" or first["allocations"] == 0:
        raise Failed(f"no request took the first of the rules {rules!r}")
    return environment


def workload(setting, name):
    program = setting.compiled(name, os.path.join("heap", name + ".cpp"), "-pthread")
    amount = WORKLOADS[name]
    if setting.quick:
        amount = amount - 2 if name == "trees" else amount // (2 if name in THREADED else 4)
    return Command((program, str(amount)))


def over_jemalloc(rounds, name, what):
    """The ratio of what `name` took to what jemalloc took in the same round."""
    return Ratio.of([getattr(took[name], what) / getattr(took["jemalloc"], what) for took in rounds])


def others(rounds, what):
    return [f"{name} {over_jemalloc(rounds, name, what).median:.2f}" for name in PEERS if name != "jemalloc"]


def means_of(measured):
    """The geometric mean of each one's medians, where there are several."""
    if len(measured) < 2:
        return {}
    return {who: geometric_mean([over_jemalloc(rounds, who, "cpu").median for rounds in measured.values()])
            for who in ("weir", *PEERS)}


def pool(setting, table):
    weir = routed(setting, POOL)
    run = setting.launcher.run
    measured = {}
    for name in (*setting.workloads, *PROGRAMS):
        if name in PROGRAMS and name not in setting.only:
            continue
        command = workload(setting, name) if name in WORKLOADS else setting.programs(of=(name,))[name]
        ways = {who: lambda under=under: run(command.under(*under)) for who, under in {"weir": weir, **PEERS}.items()}
        try:
            # Threads meet in another way each time.
            rounds = in_rounds(ways, setting.pairs(10 if name in THREADED else 5))
        except Failed as failure:
            table.fail("pool", name, failure)
            continue
        measured[name] = rounds
        clock = [f"by the clock {over_jemalloc(rounds, 'weir', 'wall').median:.2f}"] if name in THREADED else []
        table.add(Row.of("pool", name, over_jemalloc(rounds, "weir", "cpu"), most=1.05,
                         note=", ".join(others(rounds, "cpu") + clock),
                         more={"rounds": [{who: vars(cost) for who, cost in took.items()} for took in rounds]}))
    for kind, names in (("usual", USUAL), ("all", tuple(measured))):
        means = means_of({name: rounds for name, rounds in measured.items() if name in names})
        if means:
            table.add(Row("pool", f"geometric mean, {kind}", means["weir"], most=min(means[who] for who in RIVALS),
                          note=", ".join(f"{who} {means[who]:.3f}" for who in PEERS if who != "jemalloc"), more=means))
    for name, rounds in measured.items():
        megabytes = statistics.median(took["weir"].peak for took in rounds) / 1024
        table.add(Row.of("pool memory", name, over_jemalloc(rounds, "weir", "peak"), most=1.15,
                         note=", ".join([*others(rounds, "peak"), f"{megabytes:.0f} MiB"])))
    if len(measured) > 1:
        table.add(Row("pool memory", "geometric mean", geometric_mean(
            [over_jemalloc(rounds, "weir", "peak").median for rounds in measured.values()])))


GROUPS = {"pool": pool}
