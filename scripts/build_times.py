"""What each compiled file and each program took, the longest first: build_times.py NINJA_LOG

Seconds on the clock, from ninja's own log: with as many compilers as processors they are the compilers' own.
"""

import collections
import sys


def main(path):
    took = {}
    with open(path, encoding="utf-8") as log:
        for line in log:
            if not line.startswith("#"):
                begin, end, _, output, _ = line.rstrip("\n").split("\t")
                took[output] = (int(end) - int(begin)) / 1000  # the last build of it
    targets = collections.Counter()
    for output, seconds in took.items():
        targets[output.split(".p/")[0]] += seconds
    for title, table in (("file", took), ("target, with its files", targets)):
        print(f"{'wall s':>8}  {title}")
        for name, seconds in sorted(table.items(), key=lambda row: -row[1]):
            print(f"{seconds:8.1f}  {name}")
    print(f"{sum(took.values()):8.1f}  all {len(took)}")


main(sys.argv[1])
