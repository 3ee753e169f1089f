"""Programs that try to break a route: storms.py LIBRARY TOOL CACHE KIND

KIND fuzz runs random operations against a model, forks forks while all threads allocate, cut_off while they do nothing
else, threads starts and ends a hundred thousand threads, churn bounds what phases of a server's life leave behind, idle
what one peak leaves, spans takes and releases what lies under the routes. What libc gives too is asked natively first.

The environment says how long: FUZZ_SEED, FUZZ_OPERATIONS, FUZZ_THREADS, FORKS, CUT_OFF_FORKS, THREADS, SPANS,
CHURN_SECONDS.
"""

import os
import sys

import harness
import rule_sets
from rule_sets import EVERYWHERE, MAIN

# Much of it only in the long tests: which rules, and how often.
RULES = EVERYWHERE if harness.ALL else ("mixed", "fixed_shared")
OPERATIONS, FORKS, SPANS, THREADS = (("10000", "30", "150000", "100000") if harness.ALL
                                     else ("1000", "6", "20000", "20000"))

SETTINGS = ("FUZZ_SEED", "FUZZ_OPERATIONS", "FUZZ_THREADS", "FORKS", "CUT_OFF_FORKS", "THREADS", "SPANS",
            "CHURN_SECONDS")
TIMEOUT = 300 + 2 * float(os.environ.get("CHURN_SECONDS", 0))


def run(weir, program, *arguments, preload=True, **env):
    given = {name: os.environ[name] for name in SETTINGS if name in os.environ}
    built = weir.build(f"routes/programs/{program}", ["-O2", "-pthread"])
    result = weir.run([built, *arguments], "exitcode=99" if preload else "", preload, env={**env, **given}, timeout=TIMEOUT)
    harness.equal((result.status, result.stderr.decode(errors="replace")), (0, ""), "status and standard error")
    return result


def natively(program, **env):
    """Cases: what a program asks, libc gives, and weir without rules."""
    plain, _ = rule_sets.from_arguments()
    yield "natively", lambda: run(plain, program, preload=False, **env)
    for mode in ("pass", "leak"):
        none = rule_sets.RoutedWeir(plain.library, plain.tool, plain.cache, "", mode)
        yield f"no rules, {mode}", lambda none=none: run(none, program, **env)


def under_rules(program, names, modes=("pass", "leak"), **env):
    """Cases: under each of the rules; a leak ends with status 99 and a report."""
    plain, _ = rule_sets.from_arguments()
    for mode in modes:
        for name in names:
            under = rule_sets.routed(plain, name, mode)
            yield f"{name}, {mode}", lambda under=under: run(under, program, **env)


def fuzz():
    if harness.ALL:
        yield from natively("fuzz.cpp", FUZZ_OPERATIONS=OPERATIONS)
    yield from under_rules("fuzz.cpp", RULES, FUZZ_OPERATIONS=OPERATIONS)
    yield from under_rules("fuzz.cpp", ("page",), modes=("pass",), FUZZ_OPERATIONS="1000" if harness.ALL else "200")


def forks():
    if harness.ALL:
        yield from natively("forks.c", FORKS=FORKS)
    yield from under_rules("forks.c", RULES, FORKS=FORKS)


def cut_off():
    forks_of_one = "1000" if harness.ALL else "100"
    yield from under_rules("cut_off.c", ("arena", "fixed"), modes=("pass",), CUT_OFF_FORKS=forks_of_one)


def threads():  # natively it is interpose/many_threads
    yield from under_rules("threads_gone.c", MAIN if harness.ALL else ("pool", "arena"), modes=("pass",), THREADS=THREADS)


def tracked_threads():
    yield from under_rules("threads_gone.c", ("pool",), modes=("leak",), THREADS=THREADS)


def idle():  # natively and in jemalloc's hands it takes longer
    plain, _ = rule_sets.from_arguments()
    for name in ("pool", "arena"):
        for how in ("own", "waits", "gone"):
            under = rule_sets.routed(plain, name, "pass")
            yield f"{name}, {how}", lambda under=under, how=how: run(under, "idle.c", how)


def spans():
    if harness.ALL:
        yield from natively("spans.c", SPANS="30000")
    yield from under_rules("spans.c", ("arena", "fixed_shared"), SPANS=SPANS)
    yield from under_rules("spans.c", ("page",), modes=("pass",), SPANS="10000" if harness.ALL else "2500")


def churn():
    if harness.ALL:
        yield from natively("churn.cpp", CHURN_SECONDS="1")
    yield from under_rules("churn.cpp", ("pool", "arena", "arena_shared") if harness.ALL else ("pool", "arena"),
                           CHURN_SECONDS="2" if harness.ALL else "1")


harness.run_cases({"fuzz": fuzz, "forks": forks, "cut_off": cut_off, "threads": threads,
                   "tracked_threads": tracked_threads, "churn": churn, "idle": idle, "spans": spans}[sys.argv[4]]())
