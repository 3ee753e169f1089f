"""Runs meson's tests and counts them: run_tests.py BUILD_DIRECTORY [PATTERN]. Called by scripts/test."""

import fnmatch
import json
import os
import subprocess
import sys

TAIL_LINES = 60


def names_of(build, pattern):
    """The tests whose name or suite matches, as meson wants them named."""
    listed = subprocess.run(["meson", "introspect", build, "--tests"], check=True, capture_output=True, text=True)
    chosen = []
    for test in json.loads(listed.stdout):
        labels = [test["name"], *test["suite"]]
        if not pattern or any(pattern in label or fnmatch.fnmatch(label, pattern) for label in labels):
            chosen.append(test["name"])
    return chosen


def output_of(result):
    return (result.get("stdout") or "") + (result.get("stderr") or "")


def main():
    build, pattern = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    names = names_of(build, pattern)
    if not names:
        print(f"no test matches {pattern!r}", file=sys.stderr)
        return 1

    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)  # a log of an earlier run must not be counted
    command = ["meson", "test", "-C", build, "--no-rebuild", *(names if pattern else [])]
    show = None if sys.stdout.isatty() else subprocess.DEVNULL
    run = subprocess.run(command, stdout=show)

    results = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as lines:
            results = [json.loads(line) for line in lines]
    passed = [r for r in results if r["result"] in ("OK", "EXPECTEDFAIL")]
    skipped = [r for r in results if r["result"] == "SKIP"]
    failed = [r for r in results if r not in passed and r not in skipped]
    for result in skipped:
        reasons = [line for line in output_of(result).splitlines() if line.strip()]
        print(f"skipped: {result['name']}: {reasons[-1] if reasons else 'no reason given'}")
    for result in failed:
        print(f"failed: {result['name']} ({result['result']}, {result['duration']:.1f} s)")
        for line in output_of(result).splitlines()[-TAIL_LINES:]:
            print(f"    {line}")

    lost = len(set(names)) - len({r["name"] for r in results}) if not pattern else 0
    if lost > 0:
        print(f"meson test reported nothing on {lost} tests (status {run.returncode})")
    print(f"{len(passed)} passed, {len(failed) + max(lost, 0)} failed, {len(skipped)} skipped")
    return 1 if failed or lost > 0 or not results else 0


sys.exit(main())
