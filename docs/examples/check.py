"""Runs an example and compares what it prints with the comment in its source: check.py PROGRAM SOURCE

The comment is `// prints:` and the lines after it, each behind `//   `. An example without one only has to
succeed.
"""

import subprocess
import sys


def expected(source):
    lines = iter(open(source, encoding="utf-8").read().splitlines())
    for line in lines:
        if line == "// prints:":
            break
    else:
        return None
    said = []
    for line in lines:
        if not line.startswith("//"):
            break
        said.append(line.removeprefix("//   "))
    return said


def main(program, source):
    run = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{program}: ended with {run.returncode}, after\n{run.stdout}")
    wanted = expected(source)
    if wanted is not None and run.stdout.splitlines() != wanted:
        sys.exit("printed:\n" + run.stdout + "expected:\n" + "\n".join(wanted))


main(*sys.argv[1:])
