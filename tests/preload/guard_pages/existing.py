"""Programs of the other folders with guard=page: existing.py LIBRARY TOOL CACHE FOLDER LAYOUT [PROGRAM…]

What their header comments expect holds here too: libc's rules, the same leaks with the same stacks; none of them
reads or writes where it must not.
"""

import glob
import os
import sys

import harness
import program_test
from guard_case import GuardWeir

LEFT_OUT = {"many_threads", "many_loads", "remote_free",  # with system calls for each block they take minutes
            "statistics"}  # mallinfo counts the parent's heap


def cases(weir, folder, wanted):
    for source in sorted(glob.glob(os.path.join(harness.HERE, folder, "*.c*"))):
        stem = os.path.splitext(os.path.basename(source))[0]
        header = program_test.Header(source)
        if stem in LEFT_OUT or "leak" not in header.modes or (wanted and stem not in wanted):
            continue
        level = header.levels[-1] if folder == "interpose" else header.levels[0]
        yield f"{stem} {level}", lambda source=source, header=header, level=level: program_test.run_case(
            weir, source, header, level, "leak")


def main():
    folder, layout, *wanted = sys.argv[4:]
    weir = GuardWeir(*sys.argv[1:4], f"guard={layout}")
    harness.run_cases(cases(weir, folder, wanted))


main()
