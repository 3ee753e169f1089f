"""clang-tidy on core/, shim/ and tools/: tidy.py SOURCE_ROOT BUILD_ROOT

A file that was clean is not looked at again while neither it, nor a header of the project that it includes, nor the
checks, nor the compiler's arguments have changed: fingerprints of clean files are kept in the build directory, each as
soon as it is known. All of it takes ten minutes on two cores, so scripts/test looks at what was changed last, those
files that are not committed and then the latest commits', up to SOME; `scripts/test --all` at everything.
"""

import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys

import house
from compiler import ARGUMENTS, LAYERS

SOME = 5
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


class Sources:
    """The project's files, and which of its own headers each of them includes."""

    def __init__(self, root):
        self.root = root
        self._texts, self._closures = {}, {}

    def text(self, path):
        if path not in self._texts:
            try:
                with open(os.path.join(self.root, path), "rb") as file:
                    self._texts[path] = file.read()
            except FileNotFoundError:
                self._texts[path] = b""
        return self._texts[path]

    def with_headers(self, path):
        """The file and every header below it."""
        if path not in self._closures:
            found, left = set(), [path]
            while left:
                each = left.pop()
                if each not in found:
                    found.add(each)
                    for name in INCLUDE.findall(self.text(each)):
                        # Headers of core/ name each other relative to themselves.
                        beside = os.path.normpath(os.path.join(os.path.dirname(each), name.decode()))
                        left.append(beside if self.text(beside) else name.decode())
            self._closures[path] = sorted(found)
        return self._closures[path]

    def fingerprint(self, path, shared):
        digest = hashlib.sha256(shared)
        for each in self.with_headers(path):
            digest.update(each.encode() + b"\0" + self.text(each))
        return digest.hexdigest()


def latest_first(root):
    """Files as they were changed: those not committed, then by commit, the latest first. None without git's history."""
    git = ["git", "-C", root, "-c", "safe.directory=*"]
    commands = (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"],
                ["log", "--max-count=60", "--name-only", "--format="])
    listed = []
    for command in commands:
        ran = subprocess.run([*git, *command], capture_output=True, text=True)
        if ran.returncode != 0:
            return None
        listed += ran.stdout.split("\n")
    return list(dict.fromkeys(filter(None, listed)))


def choose(sources, files, changed):
    """SOME of the files: the changed ones, and for a changed header one that includes it, its own if there is one."""
    chosen = []
    for path in changed:
        if path in files:
            candidates = [path]
        elif path.endswith((".hpp", ".h", ".def")):
            including = [each for each in files if path in sources.with_headers(each)]
            own = os.path.splitext(path)[0] + ".cpp"
            candidates = [own] if own in including else including
        else:
            continue
        if candidates and not set(candidates) & set(chosen):
            chosen.append(candidates[0])
        if len(chosen) == SOME:
            break
    return chosen


def tidy(root, path):
    run = subprocess.run(["clang-tidy", "--quiet", path, "--", *ARGUMENTS], cwd=root, capture_output=True, text=True)
    return run.returncode, run.stdout + ("" if run.stdout else run.stderr)


def main(root, build):
    sources = Sources(root)
    files = [path for path in house.code_files(root, *LAYERS) if path.endswith(".cpp")]
    changed = None if os.environ.get("WEIR_TESTS") == "all" else latest_first(root)
    wanted = files if changed is None else choose(sources, files, changed)

    version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout
    shared = version + sources.text(".clang-tidy") + " ".join(ARGUMENTS).encode()
    marks = {path: sources.fingerprint(path, shared) for path in wanted}
    remembered = os.path.join(build, "tidy-clean")
    clean = set()
    if os.path.exists(remembered):
        with open(remembered, encoding="utf-8") as text:
            clean = set(text.read().split())

    complaints = []
    with (concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
          open(remembered, "a", encoding="utf-8") as stamps):
        running = {pool.submit(tidy, root, path): path for path in wanted if marks[path] not in clean}
        for done in concurrent.futures.as_completed(running):
            status, output = done.result()
            if status == 0:
                stamps.write(marks[running[done]] + "\n")
                stamps.flush()
            else:
                complaints.append(f"{running[done]}:\n{output}")
    print(f"{len(running)} of {len(files)} files looked at, {len(wanted) - len(running)} known to be clean")
    house.finish(complaints)


main(sys.argv[1], sys.argv[2])
