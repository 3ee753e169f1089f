"""The programs of real/ in mode=guard: real_programs.py LIBRARY TOOL CACHE PROGRAM…

Output, standard error and exit status are those of the native run, and no process is reported: blocks are checked
when they are freed, when they leave the quarantine, and all of them at exit. None of these programs misuses the
heap; one that does would have to be named here, with the proof.
"""

import importlib
import os
import re
import sys

import harness
from guard_case import GuardWeir, build

FOLDER = os.path.join(harness.HERE, "real")


def check_logs(logs):
    for log in logs:
        harness.check(not re.search(r"^==\d+==ERROR: weir: (?!detected memory leaks)", log, re.M), f"the guard reports\n{log}")


def misuse_is_seen(weir, twins):
    """What makes the others mean something: here a program that misuses the heap fails."""
    program, _ = build(weir, "goes_on.c")
    for options, how in (("on_error=abort", "status, natively"), ("on_error=continue", "the guard reports")):
        weir.more_options = options
        try:
            twins.twins(weir, [program, "overrun", "1"])
        except harness.Failure as failure:
            harness.check(how in str(failure), f"with {options} it failed otherwise: {failure}")
        else:
            raise harness.Failure(f"with {options} a program that misuses the heap passes")
        weir.more_options = ""


def main():
    weir = GuardWeir(*sys.argv[1:4])
    sys.path.insert(0, FOLDER)
    harness.main = lambda _: None  # each file ends in a call of it
    twins = importlib.import_module("twins")
    was_in = twins.check_was_in
    twins.check_was_in = lambda logs: (was_in(logs), check_logs(logs))
    cases = [("misuse is seen", lambda: misuse_is_seen(weir, twins))]
    for program in sys.argv[4:]:
        cases += [(f"{program} {name.removeprefix('test_')}", lambda function=function: function(weir))
                  for name, function in vars(importlib.import_module(program)).items() if name.startswith("test_")]
    harness.run_cases(cases)


main()
