"""The programs of real/ under a set-up: real_programs.py LIBRARY TOOL CACHE SETUP MODE PROGRAM[/TEST]…

Output, standard error and exit status are those of the native run, and no process is reported: under the guard
blocks are checked when they are freed, when they leave the quarantine, and all of them at exit. None of these programs
misuses the heap; one that does would have to be named here, with the proof. MODE is leak, or pass for rules alone.
"""

import importlib
import os
import re
import sys

import harness
import rule_sets
from guard_case import GuardWeir, build
from setups import set_up

FOLDER = os.path.join(harness.HERE, "real")
# Tests of a program, under any set-up or one: they use the same parts of it as the others.
ONLY_IN_ALL = {"python": {"script_without_its_own_allocator"}, "sqlite under page": {"on_disk"}}
GREETING = re.compile(rb"^weir: in process \d+, mode=pass, [1-9]\d* routes?\n", re.M)


class GreetingWeir(rule_sets.RoutedWeir):
    """In mode=pass no report shows that the library and the rules were in; each process says so at start."""

    greets = True  # where a program reads what its children say, it is shown beforehand that others are greeted

    def __init__(self, weir, name):
        super().__init__(weir.library, weir.tool, weir.cache, rule_sets.RULE_SETS[name], "pass", "verbosity=1")

    def run(self, argv, options="", preload=True, **how):
        result = super().run(argv, options, preload, **how)
        if preload and self.greets:
            result.stderr, greetings = GREETING.subn(b"", result.stderr)
            harness.check(greetings > 0, f"{argv[0]}: no process says that weir and its routes are in\n{result.describe()}")
        return result


def check_logs(logs):
    for log in logs:
        harness.check(not re.search(r"^==\d+==ERROR: weir: (?!detected memory leaks)", log, re.M), f"reported\n{log}")


def misuse_is_seen(weir, twins):
    """What makes the others mean something: here a program that misuses the heap fails."""
    program, _ = build(weir, "goes_on.c")
    set_options = weir.more_options
    for options, how in (("on_error=abort", "status, natively"), ("on_error=continue", "reported")):
        weir.more_options = ":".join(filter(None, [set_options, options]))
        try:
            twins.twins(weir, [program, "overrun", "1"])
        except harness.Failure as failure:
            harness.check(how in str(failure), f"with {options} it failed otherwise: {failure}")
        else:
            raise harness.Failure(f"with {options} a program that misuses the heap passes")
        finally:
            weir.more_options = set_options


def is_wanted(setup, program, test):
    left_out = ONLY_IN_ALL.get(program, set()) | ONLY_IN_ALL.get(f"{program} under {setup}", set())
    return harness.ALL or test not in left_out


def cases(weir, twins, setup, programs):
    if isinstance(weir, GuardWeir) and not all("/" in name for name in programs):
        yield "misuse is seen", lambda: misuse_is_seen(weir, twins)
    for name in programs:
        program, _, only = name.partition("/")
        functions = vars(importlib.import_module(program))
        for test, function in [(only, functions["test_" + only])] if only else harness.tests_of(functions):
            if only or is_wanted(setup, program, test):
                yield f"{program} {test}", lambda function=function: function(weir)


def main():
    name, mode, *programs = sys.argv[4:]
    plain = harness.Weir(*sys.argv[1:4])
    sys.path.insert(0, FOLDER)
    harness.main = lambda _: None  # each file ends in a call of it
    twins = importlib.import_module("twins")
    was_in = twins.check_was_in
    twins.check_was_in = (lambda _: None) if mode == "pass" else lambda logs: (was_in(logs), check_logs(logs))
    weir = GreetingWeir(plain, name) if mode == "pass" else set_up(name, plain).weir
    harness.run_cases(cases(weir, twins, name, programs))


main()
