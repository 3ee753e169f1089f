"""What a guard could break, and must not: hazards.py LIBRARY TOOL CACHE [PATTERN]"""

import os
import sys

import harness
from guard_case import PROGRAMS, GuardWeir
from harness import check, equal

FLAGS = ["-O1", "-g", "-pthread"]

# case: options, variables, status, how many reports
CASES = {
    "checks_meet": ("check_every=500", {}, 0, 0),
    "some_go_on": ("check_every=2000:freeze_timeout_ms=1", {}, 0, 0),
    "fork_in_report": ("on_error=continue:leak_check_at_exit=0", {}, 0, 2),
    "small_stack": ("on_error=continue:leak_check_at_exit=0", {}, 0, 1),
    "scopes_end": ("", {"WEIR_ROUTES": "* -> arena"}, 0, 0),
    "scopes_weigh_nothing": ("on_error=continue:leak_check_at_exit=0", {"WEIR_ROUTES": "* -> arena"}, 0, 1),
    "scopes_beside_frees": ("quarantine_blocks=256", {"WEIR_ROUTES": "* -> arena"}, 0, 0),
    "sparse": ("", {}, 0, 0),
    "realloc_fails": ("on_error=continue", {}, 0, 1),
    "freed_elsewhere": ("", {}, 7, 1),
    "holds_large": ("quarantine_bytes=64M:quarantine_large_bytes=64M", {}, 0, 0),
}


def run_case(weir, name):
    options, variables, status, reports = CASES[name]
    program = weir.build(os.path.join(PROGRAMS, "hazards.c"), FLAGS)
    result = weir.run([program, name], options, env=variables, timeout=60)
    said = result.stderr.decode(errors="replace")
    equal((result.status, said.count("==ERROR: weir: ")), (status, reports), f"status and reports\n{said}")


def early_objects(weir):
    source = os.path.join(PROGRAMS, "early_objects.cpp")
    library = weir.build(source, [*FLAGS, "-DPLUGIN", "-fPIC", "-shared"], "libearly.so", "g++")
    folder = os.path.dirname(library)
    program = weir.build(source, [*FLAGS, f"-L{folder}", f"-Wl,-rpath,{folder}", "-Wl,--no-as-needed", "-learly"],
                         compiler="g++")
    result = weir.run([program])
    equal((result.status, result.stderr.decode()), (0, ""), "status and standard error")


def main():
    weir = GuardWeir(*sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    cases = {**{name: (lambda name=name: run_case(weir, name)) for name in CASES},
             "early_objects": lambda: early_objects(weir)}
    check(pattern == "" or any(pattern in name for name in cases), f"no case is called {pattern}")
    harness.run_cases((name, function) for name, function in cases.items() if pattern in name)


main()
