"""The option tables in docs/OPTIONS.md and README.md are what `weir options --markdown` prints."""

import subprocess
import sys

import house


def check(root, tool):
    printed = subprocess.run([tool, "options", "--markdown"], check=True, capture_output=True, text=True).stdout
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    complaints = [] if len(rows) > 10 else ["weir options --markdown prints no table"]
    for path in ("docs/OPTIONS.md", "README.md"):
        text = house.lines(root, path)
        known = set(text)
        complaints += [f"{path}: lacks the row {row}" for row in rows if row not in known]
        own = [line for line in text if line.startswith("| `") and line.count("|") == rows[-1].count("|")]
        complaints += [f"{path}: has a row that `weir options --markdown` does not print: {line}"
                       for line in own if line not in rows]
    return complaints


house.finish(check(sys.argv[1], sys.argv[2]))
