"""The programs of interpose/ and leaks/ under rules: existing.py LIBRARY TOOL CACHE FOLDER RULE_SET [PROGRAM…]

What their header comments expect holds on every route: libc's rules, and the same leaks with the same stacks.
"""

import glob
import os

import harness
import program_test
import rule_sets

# What the program is about is not the same under rules, and why.
LEFT_OUT = {
    "jemalloc_options": "the parent's own report shows nothing of a route",
}
LONG = {"many_threads", "many_loads"}  # run where no other set of rules runs them


def programs(folder, wanted):
    for source in sorted(glob.glob(os.path.join(harness.HERE, folder, "*.c*"))):
        stem = os.path.splitext(os.path.basename(source))[0]
        if stem not in LEFT_OUT and (stem in wanted if wanted else stem not in LONG):
            yield stem, source


def cases(weir, folder, name, wanted):
    for stem, source in programs(folder, wanted):
        header = program_test.Header(source)
        level = header.levels[-1] if folder == "interpose" else header.levels[0]
        for mode in ("leak", "pass"):
            if mode in header.modes:
                under = rule_sets.routed(weir, name, mode="")
                yield (f"{stem} {level} {mode}", lambda under=under, source=source, header=header, level=level, mode=mode:
                       program_test.run_case(under, source, header, level, mode))


def main():
    weir, (folder, name, *wanted) = rule_sets.from_arguments()
    harness.run_cases(cases(weir, folder, name, wanted))


main()
