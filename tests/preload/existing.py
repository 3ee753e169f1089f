"""Programs of another folder under a set-up: existing.py LIBRARY TOOL CACHE SETUP FOLDER [PROGRAM…]

What their header comments expect holds here too: libc's rules, and the same leaks with the same stacks; and nothing
else is reported. SETUP/3 is a third of the programs, another one for each set-up, where not everything is asked for.
"""

import glob
import os
import sys

import harness
import program_test
from setups import set_up


def sources(folder, name, part):
    every = sorted(glob.glob(os.path.join(harness.HERE, folder, "*.c*")))
    return every if harness.ALL or not part else every[sum(name.encode()) % int(part)::int(part)]


def cases(setup, found, folder, wanted):
    for source in found:
        stem = os.path.splitext(os.path.basename(source))[0]
        if (stem not in wanted) if wanted else (stem in setup.left_out):
            continue
        header = program_test.Header(source)
        level = header.levels[-1] if folder == "interpose" else header.levels[0]
        for mode in setup.modes:
            if mode in header.modes:
                yield (f"{stem} {level} {mode}", lambda source=source, header=header, level=level, mode=mode:
                       program_test.run_case(setup.weir, source, header, level, mode))


def main():
    which, folder, *wanted = sys.argv[4:]
    name, _, part = which.partition("/")
    setup = set_up(name, harness.Weir(*sys.argv[1:4]))
    harness.run_cases(cases(setup, sources(folder, name, part), folder, wanted))


main()
