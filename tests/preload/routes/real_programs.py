"""The programs of real/ under rules: real_programs.py LIBRARY TOOL CACHE RULE_SET MODE [PROGRAM…]

Output, standard error and exit status are those of the native run.
"""

import glob
import importlib
import os
import re
import sys

import harness
import rule_sets

FOLDER = os.path.join(harness.HERE, "real")
HELPERS = {"servers", "twins"}
# The interpreter's own tests take a minute a mode, and the scripts use the same parts of it.
LEFT_OUT = {"python": {"threading", "subprocess", "ctypes", "multiprocessing"}}
GREETING = re.compile(rb"^weir: in process \d+, mode=pass, [1-9]\d* routes?\n", re.M)


class GreetingWeir(rule_sets.RoutedWeir):
    """In mode=pass no report shows that the library and the rules were in; each process says so at start."""

    def __init__(self, weir, name):
        super().__init__(weir.library, weir.tool, weir.cache, rule_sets.RULE_SETS[name], "pass", "verbosity=1")

    def run(self, argv, options="", preload=True, **how):
        result = super().run(argv, options, preload, **how)
        if preload:
            result.stderr, greetings = GREETING.subn(b"", result.stderr)
            harness.check(greetings > 0, f"{argv[0]}: no process says that weir and its routes are in\n{result.describe()}")
        return result


def tests_of(program):
    module = importlib.import_module(program)
    names = [name[len("test_"):] for name in vars(module) if name.startswith("test_")]
    return [(name, getattr(module, "test_" + name)) for name in names if name not in LEFT_OUT.get(program, ())]


def main():
    weir, (name, mode, *wanted) = rule_sets.from_arguments()
    sys.path.insert(0, FOLDER)
    twins = importlib.import_module("twins")
    harness.main = lambda _: None  # each file ends in a call of it
    if mode == "pass":
        twins.check_was_in = lambda _: None
    under = GreetingWeir(weir, name) if mode == "pass" else rule_sets.routed(weir, name, mode)
    found = sorted(os.path.splitext(os.path.basename(path))[0] for path in glob.glob(os.path.join(FOLDER, "*.py")))
    harness.run_cases((f"{program} {test}", lambda function=function: function(under))
                      for program in found if program not in HELPERS and (program in wanted or not wanted)
                      for test, function in tests_of(program))


main()
