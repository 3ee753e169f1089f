"""shellcheck on every shell script."""

import os
import shutil
import subprocess
import sys

import house


def is_shell(root, path):
    if path.endswith(".sh"):
        return True
    if "." in os.path.basename(path):
        return False
    first = house.lines(root, path)[:1]
    return bool(first) and first[0].startswith("#!") and ("bash" in first[0] or "/sh" in first[0])


def main(root):
    if not shutil.which("shellcheck"):
        house.skip("shellcheck is not installed")
    scripts = [path for path in house.files(root) if is_shell(root, path)]
    house.finish([] if subprocess.run(["shellcheck", *scripts], cwd=root).returncode == 0 else ["see above"])


main(sys.argv[1])
