"""The guard: real programs under mode=guard, against native, their leak check, Valgrind and AddressSanitizer."""

import os
import re
import subprocess
import tempfile

from compare_pool import WORKLOADS
from compare_programs import Comparison, leak, preload
from measure import Command, Ratio
from table import Row

HEADINGS = {
    "guard": "CPU of mode=guard with all it does / native CPU",
    "canary": "CPU of mode=guard with canaries alone / native CPU",
    "guard-page": "CPU of guard=page for one block in 1000 / CPU of mode=leak",
    "guard-memcheck": "CPU of mode=guard / CPU of valgrind memcheck, on short inputs",
    "guard-asan": "CPU of mode=guard / CPU of the same program built with AddressSanitizer",
    "log": "CPU of log=* to a file / native CPU",
    "heap-check": "milliseconds that a check of a million live blocks takes",
}


def guard(setting, *more):
    return preload(setting, "mode=guard", "exitcode=0", "log_path=" + os.devnull, *more)


def guarding(setting, table):
    group = Comparison(setting, table, "guard", setting.pairs(5))
    for name, program in setting.programs().items():
        group.compare(name, program.under(*guard(setting)), program, most=1.6)
    group.mean(most=1.4)


def canaries(setting, table):
    group = Comparison(setting, table, "canary", setting.pairs(5))
    alone = guard(setting, "stacks=none", "quarantine_blocks=0", "max_free_fill_size=0", "leak_check_at_exit=0")
    for name, program in setting.programs().items():
        group.compare(name, program.under(*alone), program, most=1.1)
    group.mean()


def sampled_pages(setting, table):
    """The other blocks are those of mode=leak: what the pages cost."""
    group = Comparison(setting, table, "guard-page", setting.pairs(5))
    sampled = guard(setting, "guard=page", "guard_every=1000", "guard_others=none")
    for name, program in setting.programs().items():
        group.compare(name, program.under(*sampled), program.under(*leak(setting)), most=1.05)
    group.mean()


def against_memcheck(setting, table):
    group = Comparison(setting, table, "guard-memcheck", 1)
    memcheck = ("valgrind", "--quiet", "--leak-check=full", "--num-callers=64", "--log-file=" + os.devnull)
    for name, program in setting.programs(short=True, instead={"git gc": "git pack"}).items():
        group.compare(name, program.under(*guard(setting)), program.behind(*memcheck), most=0.05)
    group.mean()


def against_asan(setting, table):
    """What can be rebuilt: the heap workloads of the pool, which do little beside allocating."""
    group = Comparison(setting, table, "guard-asan", setting.pairs(3))
    for name in ("containers", "objects", "server"):
        source = os.path.join("heap", name + ".cpp")
        plain = setting.compiled("plain-" + name, source, "-pthread")
        rebuilt = setting.compiled("asan-" + name, source, "-pthread", "-g", "-fsanitize=address")
        amount = str(WORKLOADS[name] // 4 if setting.quick else WORKLOADS[name] // 2)
        program = Command((plain, amount))
        sanitized = Command((rebuilt, amount), ("ASAN_OPTIONS=exitcode=0:log_path=" + os.devnull,))
        group.compare(name, program.under(*guard(setting)), sanitized, most=1.0)
    group.mean(most=1.0)


def logging(setting, table):
    group = Comparison(setting, table, "log", setting.pairs(3))
    with tempfile.TemporaryDirectory(dir=setting.scratch) as folder:
        path = os.path.join(folder, "calls-%p.log")
        for name, program in setting.programs().items():
            group.compare(name, program.under(*preload(setting, "mode=pass", "log='*'", "log_file=" + path)),
                          program, most=3.0)
    group.mean()


def checking(setting, table):
    """The check itself says how long it took, at verbosity=2."""
    program = setting.compiled("million", "million.c")
    times = []
    for _ in range(setting.pairs(5)):
        options = "mode=guard:verbosity=2:leak_check_at_exit=0:check_at_exit=0"
        run = subprocess.run([program], env={**os.environ, "LD_PRELOAD": setting.library, "WEIR_OPTIONS": options},
                             capture_output=True, text=True, check=True)
        found = re.search(r"weir: checked (\d+) blocks in (\d+) us", run.stderr)
        if not found or int(found[1]) < 1_000_000:
            table.fail("heap-check", "a million blocks", run.stderr[-500:])
            return
        times.append(int(found[2]) / 1000)
    table.add(Row.of("heap-check", "ms for a million blocks of 64 bytes", Ratio.of(times), most=50))


GROUPS = {"guard": guarding, "canary": canaries, "guard-page": sampled_pages, "guard-memcheck": against_memcheck,
          "guard-asan": against_asan, "log": logging, "heap-check": checking}
