"""What weir costs, against what it must reach. scripts/bench starts it; docs/BENCHMARKS.md explains it."""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import compare_parts
import compare_programs
import compare_report
import programs
from measure import Failed, Launcher
from table import Table

ORDER = ("pass", "pair", "leak", "track", "heaptrack", "heaptrack-run", "memory", "unwind", "threads", "report",
         "startup", "peers")
NOT_QUICK = ("heaptrack-run", "peers")
MODULES = (compare_programs, compare_parts, compare_report)
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
        self.only = [name for name in programs.MAKERS if name in arguments.names] or list(programs.MAKERS)
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
            subprocess.run(["gcc", "-O2", self.source(source), "-o", program, *libraries], check=True)
        return program

    def programs(self, short=False, instead=None):
        """The real programs by name; `instead` names another form of one."""
        size = programs.SHORT if short else programs.QUICK if self.quick else programs.FULL
        if size not in self.made:
            self.made[size] = programs.make(self.scratch, size, self.only)
        swapped = instead or {}
        chosen = self.made[size]
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
                        help=f"comparisons ({', '.join(ORDER)}) and programs ({', '.join(programs.MAKERS)}); "
                             "without, all of them")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, without the slow peers")
    parser.add_argument("--json", metavar="FILE", help="write every figure there too")
    parser.add_argument("--build", metavar="DIRECTORY", default=os.path.join(HERE, "..", "..", "build"),
                        help="where the library and the tool were built")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in ORDER and name not in programs.MAKERS:
            parser.error(f"no comparison or program is called {name}")
    return arguments


def main():
    arguments = parse()
    chosen = [name for name in ORDER if name in arguments.names]
    if not chosen:
        # Programs alone: what compares programs.
        chosen = [name for name in ORDER if not arguments.names or name in compare_programs.GROUPS]
        chosen = [name for name in chosen if not (arguments.quick and name in NOT_QUICK)]
    for variable in ("LD_PRELOAD", "WEIR_OPTIONS", "MALLOC_CONF"):
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
