"""What follows an access that was stopped: goes_on.py LIBRARY TOOL CACHE [PATTERN]

on_error=continue lets each go through and reports each place once; exit and abort end the program there.
"""

import signal
import sys

import guard_case
import harness
import page_case  # noqa: F401, its programs
from guard_case import GuardWeir, findings_of
from harness import check, equal, match_frames

READ = "heap-buffer-overflow: read at offset 64 of a block of 64 byte(s)"
WRITE = "heap-buffer-overflow: write at offset 64 of a block of 64 byte(s)"
FAR = "heap-buffer-overflow: write at offset 3000 of a block of 64 byte(s)"
SLACK = "heap-buffer-underflow: 1 byte(s) damaged at offset -1 of a block of 64 byte(s), found by free"
KEPT = SLACK.replace("by free", "by the check at exit")
AFTER = "heap-use-after-free: read at offset 5 of a freed block of 64 byte(s)"
TWICE = "double-free: free of a freed block of 64 byte(s)"

# arguments: the first lines, the last line's counts, what the program prints
GOES_ON = {
    "read": ([READ], "1 error(s), 1 reported", []),
    "write": ([WRITE], "1 error(s), 1 reported", []),
    "read write": ([READ, WRITE], "2 error(s), 2 reported", []),
    "write*5": ([WRITE], "5 error(s), 1 reported", []),
    # The page is open from the first on.
    "two_places": ([WRITE], "1 error(s), 1 reported", []),
    "across": ([WRITE], "1 error(s), 1 reported", []),
    "far slack": ([FAR, SLACK], "2 error(s), 2 reported", []),
    "kept": ([KEPT], "1 error(s), 1 reported", []),
    "after": ([AFTER], "1 error(s), 1 reported", ["after the free: 7", "still there: 1"]),
    "twice": ([TWICE], "1 error(s), 1 reported", []),
    "twice*3 read": ([TWICE, READ], "4 error(s), 2 reported", []),
}


def run(weir, args, options):
    program, _ = guard_case.build(weir, "goes_on.c")
    return weir.run([program, *args.split()], options)


def goes_on(weir, args):
    lines, counts, printed = GOES_ON[args]
    result = run(weir, args, "guard=page:on_error=continue")
    try:
        found, rest = findings_of(result.stderr.decode())
        equal([finding.line for finding in found], lines, "first lines")
        equal(rest, [f"SUMMARY: weir: {counts}"], "what follows the reports")
        equal(result.stdout.decode().splitlines(), [*printed, "end"], "output")
        equal(result.status, 0, "exit status")
    except harness.Failure as failure:
        raise harness.Failure(f"{failure}\n{result.describe()}") from None


def ends(weir, options, status):
    result = run(weir, "write read", f"guard=page:{options}")
    found, rest = findings_of(result.stderr.decode())
    equal([finding.line for finding in found], [WRITE], "first lines")
    check(match_frames(["poke", "<", "misuse"], found[0].stacks["now"]), f"the stack: {found[0].stacks['now']}")
    equal((rest, result.stdout, result.status), ([], b"", status), "the rest, output and status")


def freed_content(weir):
    """What was in a freed block is shown, though the program cannot read it."""
    result = run(weir, "after", "guard=page")
    dump = findings_of(result.stderr.decode())[0][0].other
    check(sum(line.count(" 07") + line.count("|07") for line in dump) == 64, f"the dump: {dump}")


def silent(weir):
    for options in ("", "on_error=continue", "on_error=exit"):
        result = run(weir, "none*100", f"guard=page:{options}")
        equal((result.stderr, result.stdout, result.status), (b"", b"end\n", 0), f"the twin with {options!r}")


def main():
    weir = GuardWeir(*sys.argv[1:4])
    cases = [*((f"continue {args}", lambda args=args: goes_on(weir, args)) for args in GOES_ON),
             ("abort", lambda: ends(weir, "on_error=abort", -signal.SIGABRT)),
             ("exit", lambda: ends(weir, "on_error=exit", 23)),
             ("exit with a status", lambda: ends(weir, "on_error=exit:exitcode=5", 5)),
             ("freed content", lambda: freed_content(weir)),
             ("twin", lambda: silent(weir))]
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    harness.run_cases((name, function) for name, function in cases if pattern in name)


main()
