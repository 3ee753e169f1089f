"""What the lint tests share: the tracked files, and how a broken rule is told."""

import os
import subprocess
import sys

CODE = (".c", ".cpp", ".h", ".hpp")


def files(root):
    """Files of the project, relative to root: what git tracks, and what it would add."""
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(
            ["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            check=True, capture_output=True, text=True)
        found = listed.stdout.split("\0")
    else:  # an unpacked archive
        found = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(root) for name in names]
    return sorted(path for path in found
                  if path and not path.startswith("build") and os.path.isfile(os.path.join(root, path)))


def code_files(root, *folders):
    return [path for path in files(root)
            if path.endswith(CODE) and (not folders or path.split("/")[0] in folders)]


def lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as text:
        return text.read().splitlines()


def skip(reason):
    print(f"skip: {reason}")
    sys.exit(77)


def finish(complaints):
    """Ends the test: silent when the rule holds."""
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
