"""Runs meson's tests and counts them: run_tests.py BUILD_DIRECTORY [--tier quick|usual|all] [--times] [--pattern PATTERN]

Called by scripts/test, which says what the tiers are. A test belongs to the quick tier when it has the suite `quick`,
and to the last alone when it has `all`; what a test runs of its cases it decides itself, by WEIR_TESTS.
"""

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TAIL_LINES = 60
# meson's limits are for a machine like ours; they end what hangs, on any.
PATIENCE = "10"
CLOCK = os.path.join(HERE, "clock.py")


def is_wanted(test, tier, pattern):
    suites = {suite.split(":")[-1] for suite in test["suite"]}
    if pattern:
        labels = [test["name"], *suites]
        wanted = any(pattern in label or fnmatch.fnmatch(label, pattern) for label in labels)
        return wanted and (tier == "all" or "all" not in suites or pattern == test["name"])
    return tier == "all" or ("quick" in suites if tier == "quick" else "all" not in suites)


def names_of(build, tier, pattern):
    """The tests that are wanted, as meson names them."""
    listed = subprocess.run(["meson", "introspect", build, "--tests"], check=True, capture_output=True, text=True)
    return [test["name"] for test in json.loads(listed.stdout) if is_wanted(test, tier, pattern)]


def output_of(result):
    return (result.get("stdout") or "") + (result.get("stderr") or "")


def end_of(result):
    """The end of its output, without the cases that passed."""
    lines = [line for line in output_of(result).splitlines()
             if not re.match(r"\[ (RUN|      OK) |\[-----|ok ", line)]
    return lines[-TAIL_LINES:]


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def show_times(results, clocked):
    """The longest first: seconds on the clock, seconds of processors, and what a test says of its own cases."""
    processors = {tuple(each["command"]): each["cpu"] for each in clocked}
    rows = [(result["duration"], processors.get(tuple(result["command"][2:]), 0), result) for result in results]
    print(f"{'wall s':>8} {'cpu s':>8}  test")
    for wall, cpu, result in sorted(rows, key=lambda row: -row[1]):
        cases = len(re.findall(r"^(?:ok|FAILED|skip) |^\[ +OK \]", result.get("stdout") or "", re.M))
        print(f"{wall:8.1f} {cpu:8.1f}  {result['name']}" + (f" ({cases} cases)" if cases > 1 else ""))
    print(f"{sum(row[0] for row in rows):8.1f} {sum(row[1] for row in rows):8.1f}  all {len(rows)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--tier", choices=("quick", "usual", "all"), default="usual")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--pattern", default="")
    arguments = parser.parse_args()

    names = names_of(arguments.build, arguments.tier, arguments.pattern)
    if not names:
        print(f"no test matches {arguments.pattern!r}", file=sys.stderr)
        return 1

    logs = os.path.join(arguments.build, "meson-logs")
    # With a wrapper meson names its log after it.
    log = os.path.join(logs, f"testlog-{os.path.basename(sys.executable)}.json" if arguments.times else "testlog.json")
    clocked = os.path.abspath(os.path.join(logs, "clocked.json"))
    for path in (log, clocked):
        if os.path.exists(path):
            os.remove(path)  # a log of an earlier run must not be counted
    command = ["meson", "test", "-C", arguments.build, "--no-rebuild", "--timeout-multiplier", PATIENCE,
               "--num-processes", str((os.cpu_count() or 1) + 1)]  # one more than processors: some wait
    if arguments.times:
        command += ["--wrapper", f"{sys.executable} {CLOCK}"]
    show = None if sys.stdout.isatty() else subprocess.DEVNULL
    environment = {**os.environ, "WEIR_TESTS": arguments.tier, "WEIR_CLOCKED": clocked}
    run = subprocess.run([*command, *names], stdout=show, env=environment)

    results = read_lines(log)
    passed = [r for r in results if r["result"] in ("OK", "EXPECTEDFAIL")]
    skipped = [r for r in results if r["result"] == "SKIP"]
    failed = [r for r in results if r not in passed and r not in skipped]
    for result in skipped:
        reasons = [line for line in output_of(result).splitlines() if line.strip()]
        print(f"skipped: {result['name']}: {reasons[-1] if reasons else 'no reason given'}")
    for result in failed:
        print(f"failed: {result['name']} ({result['result']}, {result['duration']:.1f} s)")
        for line in end_of(result):
            print(f"    {line}")
    if arguments.times:
        show_times(results, read_lines(clocked))

    lost = len(set(names)) - len({r["name"] for r in results})
    if lost > 0:
        print(f"meson test reported nothing on {lost} tests (status {run.returncode})")
    print(f"{len(passed)} passed, {len(failed) + max(lost, 0)} failed, {len(skipped)} skipped")
    return 1 if failed or lost > 0 or not results else 0


sys.exit(main())
