"""clang-tidy on core/, shim/ and tools/: tidy.py SOURCE_ROOT BUILD_ROOT

A file that was clean is not looked at again while neither it, nor a header of the project, nor the checks, nor
its compiler's arguments have changed: the fingerprints of clean files are kept in the build directory.
"""

import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

import house

LAYERS = ("core", "shim", "tools")


def commands(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        for entry in json.load(text):
            path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
            relative = os.path.relpath(path, os.path.realpath(root))
            if relative.split("/")[0] in LAYERS and relative.endswith(".cpp"):
                yield relative, entry["command"]


def fingerprint(root, path, command, shared):
    digest = hashlib.sha256(shared)
    digest.update(command.encode())
    with open(os.path.join(root, path), "rb") as text:
        digest.update(text.read())
    return digest.hexdigest()


def fingerprint_of_shared(root):
    digest = hashlib.sha256(subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout)
    for path in house.files(root):
        if path == ".clang-tidy" or (path.split("/")[0] in LAYERS and path.endswith((".hpp", ".h", ".def"))):
            with open(os.path.join(root, path), "rb") as text:
                digest.update(path.encode() + b"\0" + text.read())
    return digest.digest()


def tidy(root, build, path):
    run = subprocess.run(["clang-tidy", "--quiet", "-p", build, path], cwd=root, capture_output=True, text=True)
    return run.returncode, run.stdout


def main(root, build):
    remembered = os.path.join(build, "tidy-clean")
    clean = set()
    if os.path.exists(remembered):
        with open(remembered, encoding="utf-8") as text:
            clean = set(text.read().split())
    shared = fingerprint_of_shared(root)
    wanted = {path: fingerprint(root, path, command, shared) for path, command in commands(root, build)}
    if not wanted:
        house.finish(["compile_commands.json names no file of the project"])

    complaints = []
    still_clean = {mark for mark in wanted.values() if mark in clean}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(tidy, root, build, path): path for path, mark in wanted.items() if mark not in clean}
        for done in concurrent.futures.as_completed(running):
            status, output = done.result()
            if status == 0:
                still_clean.add(wanted[running[done]])
            else:
                complaints.append(f"{running[done]}:\n{output}")
    with open(remembered, "w", encoding="utf-8") as text:
        text.write("\n".join(sorted(still_clean)) + "\n")
    house.finish(complaints)


main(sys.argv[1], sys.argv[2])
