"""Valgrind finds what is done wrongly in the allocators' memory, and nothing where all is right."""

import re
import shutil
import subprocess
import sys

CASES = ["arena_overrun", "arena_reset", "arena_rewind", "bump_overrun", "buffer_free", "pool_overrun",
         "pool_release", "shared_pool_release"]


def run(program, *arguments):
    done = subprocess.run(["valgrind", "--error-exitcode=9", "--leak-check=full", program, *arguments],
                          capture_output=True, text=True, check=False)
    assert done.stdout == "", done.stdout
    return done.returncode, done.stderr


def main(program):
    if shutil.which("valgrind") is None:
        print("valgrind is not installed")
        return 77
    status, output = run(program)
    assert status == 0 and "ERROR SUMMARY: 0 errors" in output, output
    status, output = run(program, "wrongly")
    assert status == 9, output
    errors = re.split(r"\n==\d+== \n", output)
    for case in CASES:
        found = [error for error in errors if "Invalid write of size 1" in error and f"::{case}()" in error]
        assert len(found) == 1, f"{case}: {len(found)} errors\n{output}"
    assert f"ERROR SUMMARY: {len(CASES)} errors" in output, output
    freed = next(error for error in errors if "::pool_release()" in error)
    assert "0 bytes inside a block of size 40 free'd" in freed and "Block was alloc'd at" in freed, freed
    return 0


sys.exit(main(sys.argv[1]))
