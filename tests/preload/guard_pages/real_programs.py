"""The programs of real/ with guard=page: real_programs.py LIBRARY TOOL CACHE LAYOUT PROGRAM…

Output, standard error and exit status are those of the native run, and no process is reported.
"""

import importlib
import os
import re
import sys

import harness
from guard_case import GuardWeir

FOLDER = os.path.join(harness.HERE, "real")


def check_logs(logs):
    """A process's report would be in its log; the harness has seen that there are logs at all."""
    for log in logs:
        harness.check(not re.search(r"^==\d+==ERROR: weir: (?!detected memory leaks)", log, re.M), f"reported\n{log}")


def main():
    layout, *programs = sys.argv[4:]
    weir = GuardWeir(*sys.argv[1:4], f"guard={layout}")
    sys.path.insert(0, FOLDER)
    harness.main = lambda _: None  # each file ends in a call of it
    twins = importlib.import_module("twins")
    was_in = twins.check_was_in
    twins.check_was_in = lambda logs: (was_in(logs), check_logs(logs))
    tests = [(f"{program} {name[len('test_'):]}", function) for program in programs
             for name, function in vars(importlib.import_module(program)).items() if name.startswith("test_")]
    harness.run_cases((name, lambda function=function: function(weir)) for name, function in tests)


main()
