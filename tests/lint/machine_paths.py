"""No file names a directory of one machine: of this checkout, or of somebody's home."""

import os
import re
import sys

import house

EVERYWHERE = {"", "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "media", "mnt", "nix", "nonexistent",
              "opt", "proc", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}


def patterns(root):
    top = os.path.realpath(root).split("/")[1]
    yield re.compile(r"(?<![\w.$}])/home/\w+/")
    yield re.compile(r"(?<![\w.$}])/root/\.?\w+")
    if top not in EVERYWHERE:
        yield re.compile(rf"(?<![\w.$}}\"'])/{re.escape(top)}/")
    yield re.compile(re.escape(os.path.realpath(root)) + r"\b")


def check(root):
    complaints = []
    forbidden = list(patterns(root))
    for path in house.files(root):
        for number, line in enumerate(house.lines(root, path), 1):
            for pattern in forbidden:
                found = pattern.search(line)
                if found:
                    complaints.append(f"{path}:{number}: names {found[0]!r}")
    return complaints


house.finish(check(sys.argv[1]))
