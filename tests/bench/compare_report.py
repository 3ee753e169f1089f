"""The check and the report of large programs: many blocks, many stacks, 100 MB of debug information."""

import json
import os
import subprocess

from compare_programs import preload
from measure import MOST_SECONDS, Command, Failed, Ratio
from table import Row

HEADINGS = {
    "report": "1,000,000 blocks of 10,000 stacks, 100 MB of debug information",
    "demand": "a check of 3,000,000 blocks in random order while the program goes on",
}

UNITS = 40
PATHS = 250  # of a unit
BLOCKS = 100  # of a path
DEBUG_BYTES = 100e6

# Stands where weir's tool would, and keeps what the library hands it: leak-report --fd N.
KEEPER = """#!/bin/sh
exec cat "/proc/self/fd/$3" >"$WEIR_BENCH_FINDINGS"
"""


# The same, and keeps each of the reports, which take each other's place.
COLLECTOR = """#!/bin/sh
{tool} "$@"
status=$?
cat {report} >>{reports}
exit $status
"""


def build(setting):
    """The program, from one unit compiled once and copied with its one visible name changed: 100 MB of debug
    information by the compiler's hand in seconds. The size is checked."""
    def path(name):
        return os.path.join(setting.scratch, name)

    def run(*command):
        subprocess.run(command, check=True)

    program = path("many_stacks")
    if os.path.exists(program):
        return program
    # Unique symbols could not be made local to their copy.
    run("g++", "-std=c++20", "-g", "-O1", "-fno-gnu-unique", "-DSHELVES=6", "-c", setting.source("unit.cpp"),
        "-o", path("whole.o"))
    run("ld", "-r", "--force-group-allocation", path("whole.o"), "-o", path("unit.o"))
    for number in range(UNITS):
        run("objcopy", f"--redefine-sym=unit_entry=unit_entry_{number}", f"--keep-global-symbol=unit_entry_{number}",
            path("unit.o"), path(f"unit{number}.o"))
    with open(path("units.h"), "w", encoding="ascii") as header:
        header.writelines(f"UNIT({number})\n" for number in range(UNITS))
    run("gcc", "-g", "-O1", "-I", setting.scratch, "-c", setting.source("many_stacks.c"), "-o", path("main.o"))
    run("g++", path("main.o"), *(path(f"unit{number}.o") for number in range(UNITS)), "-o", program)
    sections = subprocess.run(["size", "-A", program], check=True, capture_output=True, text=True).stdout
    debug = sum(int(line.split()[1]) for line in sections.splitlines() if line.startswith(".debug_"))
    if debug < DEBUG_BYTES:
        raise Failed(f"only {debug / 1e6:.0f} MB of debug information were made")
    return program


def classing(setting, table, program):
    report = os.path.join(setting.scratch, "report.json")
    kinds = {"lost": "direct", "chained": "indirect", "kept": "reachable"}
    for kind, counted in kinds.items():
        seconds = []
        for _ in range(setting.pairs(5)):
            environment = preload(setting, "exitcode=0", "log_path=" + os.devnull, "json_path=" + report,
                                  "max_leaks=1", "symbolize=0")
            setting.launcher.run(Command((program, str(BLOCKS), kind), environment))
            with open(report, encoding="utf-8") as text:
                said = json.load(text)
            if abs(said["totals"][counted]["blocks"] - UNITS * PATHS * BLOCKS) > 100:
                raise Failed(f"classed wrongly: {said['totals']}")
            seconds.append(said["check_ns"] / 1e9)
        table.add(Row.of("report", f"classing, {kind}", Ratio.of(seconds), unit="s", most=0.3))


def printing(setting, table, program):
    findings = os.path.join(setting.scratch, "findings")
    printed = os.path.join(setting.scratch, "report.txt")
    keeper = os.path.join(setting.scratch, "keeper")
    with open(keeper, "w", encoding="ascii") as script:
        script.write(KEEPER)
    os.chmod(keeper, 0o755)
    environment = preload(setting, "exitcode=0", "log_path=" + printed, "tool=" + keeper)
    setting.launcher.run(Command((program, str(BLOCKS), "lost"),
                                 (*environment, "WEIR_BENCH_FINDINGS=" + findings)))
    print_it = Command((setting.tool, "leak-report", findings), statuses=tuple(range(256)))
    costs = []
    for _ in range(setting.pairs(5)):
        if os.path.exists(printed):
            os.remove(printed)  # a report is appended to what is there
        costs.append(setting.launcher.run(print_it))
    with open(printed, encoding="utf-8") as text:
        lines = text.readlines()
    leaks = sum(line.startswith("Direct leak of ") for line in lines)
    named = sum("in make " in line and "unit.cpp:" in line for line in lines)
    if leaks != UNITS * PATHS or named != leaks:
        raise Failed(f"printed {leaks} leaks, {named} of them with the inlined frame")
    table.add(Row.of("report", "printing with symbols, wall", Ratio.of([cost.wall for cost in costs]), unit="s",
                     most=2.0))
    table.add(Row.of("report", "printing with symbols, CPU", Ratio.of([cost.cpu for cost in costs]), unit="s"))
    table.add(Row.of("report", "the tool's peak RSS", Ratio.of([cost.peak / 1024 for cost in costs]), unit="MiB"))


def report(setting, table):
    program = build(setting)
    for part in (classing, printing):
        try:
            part(setting, table, program)
        except Failed as failure:
            table.fail("report", part.__name__, failure)


def every_report(text):
    reports, decoder = [], json.JSONDecoder()
    while text.strip():
        report, end = decoder.raw_decode(text.lstrip())
        reports.append(report)
        text = text.lstrip()[end:]
    return reports


def demand(setting, table):
    """In pairs with a plain fork of the same process."""
    program = setting.compiled("scattered", "scattered.c")
    reports = os.path.join(setting.scratch, "demand.reports")
    report = os.path.join(setting.scratch, "demand.json")
    collector = os.path.join(setting.scratch, "collector")
    with open(collector, "w", encoding="ascii") as script:
        script.write(COLLECTOR.format(tool=setting.tool, report=report, reports=reports))
    os.chmod(collector, 0o755)
    if os.path.exists(reports):
        os.remove(reports)
    rounds = setting.pairs(9)
    environment = dict(pair.split("=", 1) for pair in preload(
        setting, "log_path=" + os.devnull, "json_path=" + report, "summary=always", "leak_check_at_exit=0",
        "tool=" + collector))
    ran = subprocess.run([program, "1000000", str(rounds)], capture_output=True, text=True, timeout=MOST_SECONDS,
                         check=True, env={**os.environ, **environment})
    held = [tuple(map(float, line.split())) for line in ran.stdout.splitlines()]
    with open(reports, encoding="utf-8") as text:
        said = every_report(text.read())
    if len(said) != rounds or any(report["totals"]["reachable"]["blocks"] < 3_000_000 for report in said):
        return table.fail("demand", "scattered", f"{len(said)} reports of {rounds}")
    table.add(Row.of("demand", "the check", Ratio.of([report["check_ns"] / 1e9 for report in said]), unit="s", most=0.5))
    table.add(Row.of("demand", "the program stands still, beyond a fork",
                     Ratio.of([asked - forked for forked, asked in held]), unit="ms", most=5, more={"ms": held}))
    table.add(Row.of("demand", "the plain fork", Ratio.of([forked for forked, _ in held]), unit="ms"))


GROUPS = {"report": report, "demand": demand}
