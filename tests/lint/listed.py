"""Every test program is registered: a file that no meson.build names would never run."""

import os
import re
import sys

import house


def check(root):
    complaints = []
    for path in house.files(root):
        folder, name = os.path.split(path)
        if not path.startswith("tests/preload/") or not name.endswith((".c", ".cpp", ".py")):
            continue
        if folder.endswith(("/plugins", "/programs")):  # named by the tests that use them
            folder = os.path.dirname(folder)
            texts = [p for p in house.files(root) if p.startswith(folder + "/") and p != path]
        else:
            texts = [os.path.join(folder, "meson.build")] + [
                p for p in house.files(root) if p.startswith(folder) and p.endswith(".py") and p != path]
        stem = os.path.splitext(name)[0]
        pattern = re.compile(rf"\b{re.escape(stem)}\b")
        if not any(pattern.search(line) for text in texts if os.path.isfile(os.path.join(root, text))
                   for line in house.lines(root, text)):
            complaints.append(f"{path}: no test runs it")
    return complaints


house.finish(check(sys.argv[1]))
