"""Programs of another folder with weir looking on: each stack noted, and rules that take nothing.

existing.py LIBRARY TOOL CACHE FOLDER [NAME …]: what the programs' own headers expect holds here too.
"""

import glob
import os
import sys

import harness
import program_test



class WatchedWeir(harness.Weir):
    """Adds the options of the watch to each run."""

    def preloaded(self, options="", json_directory=None, **more):
        watch = f"alloc_stacks={self.path('%p.stacks')}:fail='size=123456789 nth=1000000;caller=nobody_at_all'"
        return super().preloaded(f"{watch}:{options}" if options else watch, json_directory, **more)


def cases(weir, folder, names):
    for path in sorted(glob.glob(os.path.join(harness.HERE, folder, "*.c*"))):
        name = os.path.splitext(os.path.basename(path))[0]
        if names and name not in names:
            continue
        header = program_test.Header(path)
        for mode in header.modes:
            if mode != "native":
                yield f"{name} {mode}", lambda path=path, header=header, mode=mode: program_test.run_case(
                    weir, path, header, header.levels[-1], mode)


def main():
    weir = WatchedWeir(*sys.argv[1:4])
    harness.run_cases(cases(weir, sys.argv[4], sys.argv[5:]))


if __name__ == "__main__":
    main()
