"""A check leaves no trace in the program: stacks, signals, calls that sleep; by ptrace, and where that is refused."""

import subprocess

import harness
from harness import check, equal

# What returns EINTR when other threads are stopped by signals, because the system begins it again for none.
CUT_SHORT_BY_SIGNALS = {
    "usleep", "nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait",
    "read_timed_socket", "recv_timed", "send_timed", "accept_timed", "semop", "semtimedop", "msgrcv", "sigtimedwait",
    "sigwaitinfo", "pause", "sigsuspend", "futex", "sem_timedwait"}
# What returns the part that it has transferred, whoever stops the thread.
CUT_SHORT = {"write_much", "send_much", "receive_all"}


def built(weir, name):
    return weir.build(f"scenarios/programs/{name}.c", ["-O1", "-pthread"])


def both_ways(weir, argv, options=""):
    yield weir.run(argv, options)
    yield weir.run([built(weir, "without_ptrace"), *argv], options)


def test_signal_stack(weir):
    for arguments in ([], ["guard"]):
        for options in ("", "mode=guard"):
            result = weir.run([built(weir, "signal_stack"), *arguments], options)
            equal((result.status, result.stdout), (23, b"0 below\n"), "status and output")
            equal(result.stderr.count(b"SUMMARY: weir: 77 byte(s)"), 2, f"reports in {result.stderr}")


def test_tiny_stack(weir):
    for options in ("summary=never", "summary=never:mode=guard"):
        result = weir.run([built(weir, "tiny_stack")], options)
        equal((result.status, result.stdout, result.stderr), (5, b"0 changed\n", b""), "status, output and errors")


def test_own_signals(weir):
    for arguments in ([], ["some"]):
        for result in both_ways(weir, [built(weir, "own_signals"), *arguments]):
            equal((result.status, result.stdout), (5, b"0 wrong\n"), f"status and output ({result.stderr})")


def test_silent_threads_are_named_once(weir):
    result = weir.run([built(weir, "without_ptrace"), built(weir, "own_signals")])
    equal(result.stderr.count(b"cannot be stopped"), 4, f"lines in {result.stderr}")
    equal(weir.run([built(weir, "own_signals")], "summary=never").stderr, b"", "errors, where ptrace is allowed")


def test_what_vanishes_meanwhile(weir):
    """The check reads mappings that a thread which runs on gives back."""
    for _ in range(5):
        result = weir.run([built(weir, "without_ptrace"), built(weir, "unmaps")], "summary=never")
        equal((result.status, result.stdout), (5, b""), f"status and output ({result.stderr})")


def test_sleepers_go_on(weir):
    result = weir.run([built(weir, "sleepers")])
    cut = {line.split(":")[0] for line in result.stdout.decode().splitlines()}
    equal((result.status, cut), (-9, CUT_SHORT), f"status, and calls that were cut short ({result.stderr})")


def test_sleepers_by_signals(weir):
    result = weir.run([built(weir, "without_ptrace"), built(weir, "sleepers")])
    cut = {line.split(":")[0] for line in result.stdout.decode().splitlines()}
    wrong = cut - CUT_SHORT_BY_SIGNALS - CUT_SHORT
    check(not wrong, f"calls that should have gone on: {wrong}")
    check("usleep" in cut, "no call was cut short: the threads were not stopped by signals")


def test_sleepers_at_exit(weir):
    for options in ("summary=never", "summary=never:mode=guard"):
        for result in both_ways(weir, [built(weir, "sleepers"), "leave"], options):
            semaphores, messages = result.stdout.decode().split()
            subprocess.run(["ipcrm", "-s", semaphores, "-q", messages], check=False)
            equal((result.status, result.stderr), (0, b""), "status and errors")


harness.main(globals())
