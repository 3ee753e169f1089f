"""The programs of interpose/ and leaks/ in mode=guard: existing.py LIBRARY TOOL CACHE FOLDER [PROGRAM…]

What their header comments expect holds here too: libc's rules, and the same leaks with the same stacks; and none of
them misuses the heap, but for those named below.
"""

import glob
import os
import sys

import harness
import program_test
from guard_case import GuardWeir

# What the guard says of them is true, or they are about what it changes.
LEFT_OUT = {}
LONG = {"many_threads", "many_loads"}


def cases(weir, folder, wanted):
    for source in sorted(glob.glob(os.path.join(harness.HERE, folder, "*.c*"))):
        stem = os.path.splitext(os.path.basename(source))[0]
        header = program_test.Header(source)
        if stem in LEFT_OUT or (stem not in wanted if wanted else stem in LONG) or "leak" not in header.modes:
            continue
        level = header.levels[-1] if folder == "interpose" else header.levels[0]
        yield f"{stem} {level}", lambda source=source, header=header, level=level: program_test.run_case(
            weir, source, header, level, "leak")


def main():
    weir, (folder, *wanted) = GuardWeir(*sys.argv[1:4]), sys.argv[4:]
    harness.run_cases(cases(weir, folder, wanted))


main()
