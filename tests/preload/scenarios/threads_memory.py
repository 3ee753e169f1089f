"""What threads cost beside what they cost natively: little until they need more, and nothing once they have ended."""

import os
import subprocess

import harness
from harness import Skip, check, equal

MODES = ("mode=leak", "mode=guard")


def resident(weir, options, alive, depth, total=0):
    """KiB by moment, as programs/threads_alive.c prints them; natively without options."""
    program = weir.build("scenarios/programs/threads_alive.c", ["-O0", "-pthread"])
    arguments = [program, str(alive), str(depth), str(total)]
    run = weir.run(arguments, options or "", preload=bool(options))
    equal(run.status, 0, run.describe())
    lines = run.stdout.decode().splitlines()
    if "no more threads" in lines:
        raise Skip(f"the system gives no {alive} threads")
    return {moment: int(kib) for moment, kib in (line.split() for line in lines)}


def test_a_thread_that_has_allocated_once_takes_few_pages(weir):
    native = resident(weir, None, 1000, 1)["first"]
    for mode in MODES:
        more = resident(weir, mode, 1000, 1)["first"] - native
        # Measured: 16, of which the parent's cache and the program's block are 8.
        check(more <= 20 * 1000, f"{mode}: {more} KiB more than natively for 1000 threads")


def test_threads_that_have_ended_leave_nothing(weir):
    passed = resident(weir, "mode=pass", 400, 40)
    for mode in MODES:
        kib = resident(weir, mode, 400, 40)
        alive, ended = (kib[moment] - passed[moment] for moment in ("first", "ended"))
        check(alive > 400 * 24, f"{mode}: {alive} KiB for 400 threads: no thread needed more than it began with")
        # The states of the latest few stay as they are for the next threads.
        check(ended <= alive // 4, f"{mode}: {alive} KiB more than with mode=pass, and {ended} when 400 threads have ended")


def test_check_of_sparse_blocks_takes_no_memory(weir):
    """2000 blocks of 100 KB of which a page was touched."""
    program = weir.build("scenarios/programs/sparse_blocks.c", ["-O1"])
    def peak(options):
        child = subprocess.Popen([program], env=weir.preloaded(options))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        equal(status, 0, options)
        return usage.ru_maxrss
    for mode in MODES:
        without, with_check = peak(mode + ":leak_check_at_exit=0"), peak(mode)
        check(with_check <= without + 20000, f"{mode}: {with_check} KiB with the check, {without} without")


def test_threads_one_after_the_other_need_no_more(weir):
    for mode in MODES:
        kib = resident(weir, mode, 100, 20, 2000)
        check(kib["last"] - kib["later"] <= 512, f"{mode}: 2000 threads, 100 at a time: {kib}")


@harness.only_in_all
def test_ten_thousand_threads(weir):
    for mode in MODES:
        kib = resident(weir, mode, 10000, 1)["first"]
        check(kib <= 300 * 1000, f"{mode}: {kib} KiB for 10000 threads")


harness.main(globals())
