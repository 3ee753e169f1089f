"""A signal that ends the program: what it damaged before is reported, and it dies as it would: crashes.py LIBRARY TOOL CACHE"""

import os
import signal
import sys

import harness
from guard_case import PROGRAMS, GuardWeir, findings_of, with_result
from harness import check, equal, match_frames

DAMAGE = "heap-buffer-overflow: 1 byte(s) damaged at offset 24 of a block of 24 byte(s), found when {} ended the program"
# how: the signal, the stack that it interrupted
ENDS = {"access": (signal.SIGSEGV, "access_nothing < die < fault"), "jump": (signal.SIGSEGV, "die < fault"),
        "divide": (signal.SIGFPE, "die < fault"), "illegal": (signal.SIGILL, "die < fault"), "bus": (signal.SIGBUS, "die < fault"),
        "abort": (signal.SIGABRT, "abort < die < fault"), "raise": (signal.SIGSEGV, "die < fault"),
        "kill": (signal.SIGABRT, "die < fault"), "default": (signal.SIGSEGV, "access_nothing < die < fault")}


def run(weir, *words, options=""):
    program = weir.build(os.path.join(PROGRAMS, "crashes.c"), ["-O1", "-g", "-pthread"])
    return weir.run([program, *words], options, timeout=60)


def reported(weir, how, where="main", options=""):
    number, stack = ENDS[how]
    result = run(weir, how, "1", where, options=options)
    with_result(result, equal, result.status, -number, "it dies by the same signal")
    found, rest = with_result(result, findings_of, result.stderr.decode())
    with_result(result, equal, ([finding.line for finding in found], rest), ([DAMAGE.format(number.name)], []), "reports")
    frames = found[0].stacks["now"]
    with_result(result, check, any(match_frames(stack.split(), frames[start:]) for start in range(len(frames))),
                f"the stack that was interrupted: {frames}")
    with_result(result, equal, found[0].stacks["allocated"][:1], ["fault"], "where the block is from")


def ends_at_the_first(weir):
    """With on_error=abort it is weir that ends the program: the other block is not looked for."""
    result = run(weir, "free", "1")
    found, rest = with_result(result, findings_of, result.stderr.decode())
    with_result(result, equal, (result.status, [finding.line.split(", ")[1] for finding in found], rest),
                (-signal.SIGABRT, ["found by free"], []), "the end and its report")


def silent(weir, how, damage, status, options=""):
    result = run(weir, how, damage, options=options)
    with_result(result, equal, (result.status, result.stderr), (status, b""), "status and standard error")


def main():
    weir = GuardWeir(*sys.argv[1:4])
    cases = [(how, lambda how=how: reported(weir, how)) for how in ENDS]
    cases += [(f"access in a {where}", lambda where=where: reported(weir, "access", where)) for where in ("thread", "child")]
    cases += [(f"abort, {options}", lambda options=options: reported(weir, "abort", options=options))
              for options in ("on_error=continue", "on_error=exit", "guard=canary")]
    cases += [(f"{how}, twin", lambda how=how: silent(weir, how, "0", -ENDS[how][0])) for how in ENDS]
    cases += [("with pages", lambda: silent(weir, "access", "0", -signal.SIGSEGV, "guard=page")),
              ("of its own handler", lambda: silent(weir, "handled", "1", 3, "check_at_exit=0:leak_check_at_exit=0")),
              ("after its own handler", lambda: silent(weir, "reset", "1", -signal.SIGSEGV)),
              ("at the first", lambda: ends_at_the_first(weir)),
              ("not asked for", lambda: silent(weir, "access", "1", -signal.SIGSEGV, "check_at_crash=0")),
              ("actions", lambda: silent(weir, "asks", "0", 0, "leak_check_at_exit=0")),
              ("actions with pages", lambda: silent(weir, "asks", "0", 0, "leak_check_at_exit=0:guard=page"))]
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    harness.run_cases((name, function) for name, function in cases if pattern in name)


main()
