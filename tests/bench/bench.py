"""What weir costs, against what it must reach. scripts/bench starts it; docs/BENCHMARKS.md explains it."""

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile

import compare_cores
import compare_guard
import compare_parts
import compare_pool
import compare_programs
import compare_recipes
import compare_report
import compare_routes
import programs
from measure import Failed, Launcher
from table import Table

ORDER = ("pass", "pair", "leak", "track", "clear", "heaptrack", "heaptrack-run", "memory", "unwind", "threads", "report",
         "demand", "startup", "peers", "guard", "canary", "guard-page", "log", "heap-check", "guard-asan",
         "guard-memcheck", "cores", "recipes", "pool", "arena", "sites", "routes-stats", "noroutes")
NOT_QUICK = ("heaptrack-run", "peers", "guard-memcheck")
ONLY_NAMED = ("noroutes",)  # builds another commit first
OF_PROGRAMS = (*compare_programs.GROUPS, "guard", "canary", "guard-page", "log", "guard-memcheck", "pool")
MODULES = (compare_programs, compare_parts, compare_report, compare_cores, compare_recipes, compare_guard, compare_pool,
           compare_routes)
GROUPS = {name: function for module in MODULES for name, function in module.GROUPS.items()}
HEADINGS = {name: text for module in MODULES for name, text in module.HEADINGS.items()}

HERE = os.path.dirname(os.path.abspath(__file__))


class Setting:
    """What the comparisons share: where things are, how much is to be run."""

    def __init__(self, arguments, scratch):
        self.library = os.path.abspath(os.path.join(arguments.build, "shim", "libweir.so"))
        self.tool = os.path.abspath(os.path.join(arguments.build, "tools", "weir"))
        self.scratch = scratch
        self.quick = arguments.quick
        # Naming a program or a workload leaves the others out, of both kinds.
        named = set(arguments.names) & {*programs.MAKERS, *compare_pool.WORKLOADS}
        self.only = [name for name in programs.MAKERS if not named or name in named]
        self.workloads = [name for name in compare_pool.WORKLOADS if not named or name in named]
        self.made = {}
        self.launcher = Launcher(self.compiled("launch", os.path.join(HERE, "launch.c")), scratch)

    def pairs(self, count):
        return min(count, 2) if self.quick else count

    def work(self, amount):
        return amount // 4 if self.quick else amount

    def source(self, name):
        return os.path.join(HERE, "workloads", name)

    def compiled(self, name, source, *libraries):
        program = os.path.join(self.scratch, name)
        if not os.path.exists(program):
            compiler = ["g++", "-std=c++20", "-DNDEBUG"] if source.endswith(".cpp") else ["gcc"]
            subprocess.run([*compiler, "-O2", self.source(source), "-o", program, *libraries], check=True)
        return program

    def programs(self, short=False, instead=None, of=tuple(programs.MAKERS)):
        """The real programs by name, of those called `of`; `instead` names another form of one."""
        size = programs.SHORT if short else programs.QUICK if self.quick else programs.FULL
        swapped = instead or {}
        chosen = {}
        for name in self.only:
            if name in of:
                if (size, name) not in self.made:
                    self.made[size, name] = programs.make(self.scratch, size, [name])
                chosen.update(self.made[size, name])
        return {swapped.get(name, name): chosen[swapped.get(name, name)] for name in chosen
                if name not in programs.OTHER_FORMS}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} CPUs, {model}, Linux {platform.release()}"


def commit():
    git = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return git.stdout.strip() if git.returncode == 0 else "unknown"


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures weir and compares it.")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"comparisons ({', '.join(ORDER)}), programs ({', '.join(programs.MAKERS)}) and "
                             f"workloads of pool ({', '.join(compare_pool.WORKLOADS)}); "
                             f"without, all of them but {', '.join(ONLY_NAMED)}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, without the slow peers")
    parser.add_argument("--json", metavar="FILE", help="write every figure there too")
    parser.add_argument("--build", metavar="DIRECTORY", default=os.path.join(HERE, "..", "..", "build"),
                        help="where the library and the tool were built")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in ORDER and name not in programs.MAKERS and name not in compare_pool.WORKLOADS:
            parser.error(f"no comparison, program or workload is called {name}")
    return arguments


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was started and made goes
    arguments = parse()
    chosen = [name for name in ORDER if name in arguments.names]
    if not chosen:
        # Programs or workloads alone: what compares them.
        chosen = [name for name in ORDER if not arguments.names
                  or (name in OF_PROGRAMS and not programs.MAKERS.keys().isdisjoint(arguments.names)) or name == "pool"]
        chosen = [name for name in chosen if name not in ONLY_NAMED and not (arguments.quick and name in NOT_QUICK)]
    for variable in ("LD_PRELOAD", "WEIR_OPTIONS", "WEIR_ROUTES", "MALLOC_CONF"):
        os.environ.pop(variable, None)

    started = datetime.datetime.now()
    facts = {"date": started.isoformat(timespec="minutes"), "commit": commit(), "machine": machine(),
             "quick": arguments.quick, "load before": os.getloadavg()[0]}
    print(f"weir {facts['commit']}, {facts['date']}, {facts['machine']}, load {facts['load before']:.1f}")
    table = Table(HEADINGS)
    scratch = tempfile.mkdtemp(prefix="weir-bench.")
    try:
        setting = Setting(arguments, scratch)
        for name in chosen:
            try:
                GROUPS[name](setting, table)
            except (Failed, OSError, subprocess.SubprocessError) as failure:
                table.fail(name, name, failure)
    finally:
        shutil.rmtree(scratch)
    facts["seconds"] = round((datetime.datetime.now() - started).total_seconds())
    facts["load after"] = os.getloadavg()[0]
    table.summary()
    print(f"{facts['seconds']} s, load {facts['load after']:.1f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as output:
            json.dump({**facts, "rows": [row.as_json() for row in table.rows], "failures": table.failures}, output,
                      indent=1)
    return 1 if table.failures else 0


sys.exit(main())
