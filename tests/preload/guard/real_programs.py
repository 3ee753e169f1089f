"""The programs of real/ in mode=guard: real_programs.py LIBRARY TOOL CACHE PROGRAM…

Output, standard error and exit status are those of the native run, and no process is reported: blocks are checked
when they are freed, when they leave the quarantine, and all of them at exit. What a program does wrong stands in
TRUE, with the reason why it is true.
"""

import importlib
import os
import re
import sys

import harness
from guard_case import GuardWeir

FOLDER = os.path.join(harness.HERE, "real")
# first line's pattern: the program, and where its source does it
TRUE = {}


def check_logs(logs):
    """A process's report would be in its log; the harness has seen that there are logs at all."""
    for log in logs:
        for line in re.findall(r"^==\d+==ERROR: weir: ((?!detected memory leaks).*)$", log, re.M):
            harness.check(any(re.search(pattern, line) for pattern in TRUE), f"the guard reports\n{log}")


def main():
    weir = GuardWeir(*sys.argv[1:4])
    sys.path.insert(0, FOLDER)
    harness.main = lambda _: None  # each file ends in a call of it
    twins = importlib.import_module("twins")
    was_in = twins.check_was_in
    twins.check_was_in = lambda logs: (was_in(logs), check_logs(logs))
    tests = [(f"{program} {name[len('test_'):]}", function) for program in sys.argv[4:]
             for name, function in vars(importlib.import_module(program)).items() if name.startswith("test_")]
    harness.run_cases((name, lambda function=function: function(weir)) for name, function in tests)


main()
