"""Runs the stress programs and real programs under libweir_oracle.so and sums what it found.

run_oracle.py LIBRARY STRESS_DIRECTORY [--only PATTERN] [--jobs N] [--seed N]

Fails when a stack differs from libunwind's, when a program ends otherwise than natively, when a case compares
fewer stacks than it always does, when all together are fewer than MINIMUM, and when a falsified stack is not
found out.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import programs

ALL = os.environ.get("WEIR_TESTS") == "all"
MINIMUM = 10_000_000 if ALL else 1_000_000
LINE = re.compile(r"^oracle: pid \d+: (\d+) stacks compared, (\d+) different, (\d+) ended in code without")
MORE = re.compile(r"^oracle: pid \d+: (\d+) not kept, (\d+) faults of libunwind")
STACKS_A_FAULT = 1000  # at least: where libunwind reads outside of memory, a stack is compared in part
TIMEOUT = 200
# Stacks are the same whichever allocator the block comes from.
ROUTES = ("* -> pool", "* -> arena", "size<=256 -> pool; call=new* -> arena; * -> parent")


@dataclasses.dataclass
class Outcome:
    compared: int = 0
    different: int = 0
    unknown: int = 0
    not_kept: int = 0
    faults: int = 0
    processes: int = 0
    seconds: float = 0.0
    complaints: list = dataclasses.field(default_factory=list)
    details: str = ""


def stress_cases(directory, first_seed):
    """Each variant with one thread and with three; some with few frames kept, with very many, and on routes."""
    def case(variant, threads, context, budget, minimum, seed=first_seed):
        arguments = [os.path.join(directory, variant), "--seed", str(seed), "--budget", str(budget),
                     "--threads", str(threads), "--depth", str(5 * context + 10)]
        for number in "12":
            arguments += ["--plugin", os.path.join(directory, f"stress_plugin{number}.so")]
        return programs.Case(f"{variant}, {threads} threads, {context} frames", arguments, minimum,
                             context=context)

    variants = [f"{prefix}stress_{level}_{kind}" for level in ("O0", "O1", "O2", "O3")
                for kind in ("fp", "nofp") for prefix in ("", "clang_")]
    variants = [v for v in variants if not v.startswith("clang_") or os.path.exists(os.path.join(directory, v))]
    cases = []
    if not ALL:  # of each compiler, level and use of BP one
        variants = [v for v in variants if v in ("stress_O0_fp", "stress_O2_nofp", "clang_stress_O1_fp", "clang_stress_O3_nofp")]
        return [case(variants[0], 1, 64, 5_000, 5_000, first_seed),
                *(case(v, 3, 64, 1_000, 8_000, first_seed + 1 + n) for n, v in enumerate(variants[1:]))], case
    for number, variant in enumerate(variants):
        cases.append(case(variant, 1, 64, 100_000, 100_000, first_seed + number))
        cases.append(case(variant, 3, 64, 25_000, 200_000, first_seed + number))
    for number, variant in enumerate(variants[::3]):
        cases.append(case(variant, 3, 4, 30_000, 250_000, first_seed + 100 + number))
        cases.append(case(variant, 1, 16, 100_000, 100_000, first_seed + 200 + number))
        cases.append(case(variant, 1, 1024, 30_000, 30_000, first_seed + 300 + number))
    for number, rules in enumerate(ROUTES):
        routed = case(variants[number % len(variants)], 3, 64, 25_000, 200_000, first_seed + 400 + number)
        cases.append(dataclasses.replace(routed, name=f"{routed.name}, {rules}", variables={"WEIR_ROUTES": rules}))
    return cases, case


def environment(case, library=None, log=None):
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "LD_PRELOAD"))}
    variables.update(case.variables)
    if library:
        variables["LD_PRELOAD"] = library
        variables["WEIR_OPTIONS"] = f"leak_check_at_exit=0:malloc_context_size={case.context}:strict=1"
        variables["WEIR_ORACLE_LOG"] = log
        variables.setdefault("WEIR_ORACLE_EVERY", "1")
    return variables


def start(case, folder, variables):
    os.makedirs(folder)
    if case.prepare:
        case.prepare(folder)
    run = subprocess.run(case.arguments, cwd=folder, env=variables, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
    return run.returncode, run.stdout.decode(errors="replace")


def read_log(path, outcome):
    details = []
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        if match := LINE.match(line):
            outcome.processes += 1
            outcome.compared += int(match[1])
            outcome.different += int(match[2])
            outcome.unknown += int(match[3])
        elif match := MORE.match(line):
            outcome.not_kept += int(match[1])
            outcome.faults += int(match[2])
        else:
            details.append(line)
    outcome.details = "\n".join(details)


def run_case(case, library, scratch):
    outcome = Outcome()
    folder = tempfile.mkdtemp(dir=scratch)
    log = folder + ".log"
    began = time.monotonic()
    try:
        native, native_output = start(case, os.path.join(folder, "native"), environment(case))
        status, output = start(case, os.path.join(folder, "weir"), environment(case, library, log))
    except subprocess.TimeoutExpired as late:
        outcome.complaints.append(f"did not end in {late.timeout:.0f} s")
        native = status = 0
        native_output = output = ""
    outcome.seconds = time.monotonic() - began
    read_log(log, outcome)
    if native != 0:
        outcome.complaints.append(f"ends natively with status {native}: {native_output[-2000:]}")
    if status != native:
        outcome.complaints.append(f"ends with status {status}, natively with {native}: {output[-2000:]}")
    if outcome.different or "difference:" in outcome.details:
        outcome.complaints.append(f"{outcome.different} stacks differ\n{outcome.details[:20000]}")
    if outcome.not_kept:
        outcome.complaints.append(f"{outcome.not_kept} stacks found no room")
    if outcome.faults * STACKS_A_FAULT > outcome.compared:
        outcome.complaints.append(f"libunwind faulted at {outcome.faults} of {outcome.compared} stacks")
    if outcome.compared < case.minimum:
        outcome.complaints.append(f"compared {outcome.compared} stacks, expected {case.minimum}\n{output[-1000:]}")
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


def show(case, outcome):
    print(f"{outcome.compared:>9} stacks, {outcome.different} different, {outcome.unknown} into unknown code, "
          f"{outcome.processes} processes, {outcome.seconds:5.1f} s: {case.name}"
          + (" FAILED" if outcome.complaints else ""), flush=True)
    for complaint in outcome.complaints:
        print(f"    {complaint}", flush=True)


def check_the_check(case, library, scratch):
    """A falsified frame in one stack of 10007 must be found each time."""
    case.variables = {"WEIR_ORACLE_BREAK": "10007"}
    outcome = run_case(case, library, scratch)
    expected = outcome.compared // 10007
    if expected == 0 or outcome.different != expected:
        return [f"{expected} stacks were falsified, {outcome.different} were found different"]
    return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("directory")
    parser.add_argument("--only", default="*", help="run the cases whose name matches")
    parser.add_argument("--seed", type=int, default=1, help="of the first stress program; the others count on")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    library = os.path.abspath(arguments.library)

    began = time.monotonic()
    scratch = tempfile.mkdtemp(prefix="weir-oracle-")
    try:
        stress, make = stress_cases(os.path.abspath(arguments.directory), arguments.seed)
        cases = [c for c in programs.cases(ALL) + stress if fnmatch.fnmatch(c.name, arguments.only)]
        failed = []
        total = Outcome()
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            running = {pool.submit(run_case, c, library, scratch): c for c in cases}
            for done in concurrent.futures.as_completed(running):
                outcome = done.result()
                show(running[done], outcome)
                failed += outcome.complaints
                for name in ("compared", "different", "unknown", "processes", "faults"):
                    setattr(total, name, getattr(total, name) + getattr(outcome, name))
        failed += check_the_check(make("stress_O2_nofp", 1, 64, *(2 * (100_000 if ALL else 12_000,))), library, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.only == "*" and total.compared < MINIMUM:
        failed.append(f"{total.compared} stacks compared in all, fewer than {MINIMUM}")
    print(f"oracle: {total.compared} stacks compared in {total.processes} processes of {len(cases)} runs, "
          f"{total.different} different, {total.unknown} ended in code without unwind tables, "
          f"{total.faults} at which libunwind faulted, "
          f"{time.monotonic() - began:.0f} s; {len(failed)} complaints")
    for complaint in failed:
        print(f"complaint: {complaint.splitlines()[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
