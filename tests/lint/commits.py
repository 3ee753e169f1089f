"""Commit subjects have the form `area: What changed`."""

import os
import re
import subprocess
import sys

import house

FORM = re.compile(r"^(Merge |Revert \"|[a-z][a-z0-9_, /.-]*: [A-Z0-9`'\"].*[^.]$)")


def check(root):
    if not os.path.exists(os.path.join(root, ".git")):
        house.skip("not a git checkout")
    log = subprocess.run(["git", "-C", root, "-c", "safe.directory=*", "log", "--format=%h %s"],
                         check=True, capture_output=True, text=True)
    subjects = [line.split(" ", 1) for line in log.stdout.splitlines()]
    return [f"{commit}: {subject!r} has not the form `area: What changed`"
            for commit, subject in subjects if not FORM.match(subject)]


house.finish(check(sys.argv[1]))
