"""A daemon is asked by a signal, again and again; it goes on, and ends with its own status."""

import os
import re
import signal
import subprocess

import harness
from daemon import Daemon
from harness import check, equal


def test_twice_and_at_exit(weir):
    daemon = Daemon(weir)
    equal(daemon.lose(), "lost 1\n", "answer")
    check("40 byte(s) leaked in 1 allocation(s)" in daemon.ask(), daemon.text())
    equal(daemon.lose(), "lost 2\n", "answer")
    equal(daemon.lose(), "lost 3\n", "answer")
    check("120 byte(s) leaked in 3 allocation(s)" in daemon.ask(), daemon.text())
    equal(daemon.lose(), "lost 4\n", "answer")
    status, _, err = daemon.end()
    equal(status, 23, "status")
    equal(err, "", "stderr")
    check("160 byte(s) leaked in 4 allocation(s)" in daemon.text(), daemon.text())


def test_frames(weir):
    daemon = Daemon(weir)
    daemon.lose()
    report = daemon.ask()
    check(re.search(r"in lose \S*daemon\.c.*\n.*in main \S*daemon\.c", report), report)
    daemon.end()


def test_pause_is_told(weir):
    daemon = Daemon(weir)
    daemon.lose()
    report = daemon.ask()
    check(re.search(r"(stood still|paused|pause)\D*[\d.]+ *(ms|us|µs|s)\b", report), f"no pause in\n{report}")
    daemon.end()


def test_own_status_is_kept(weir):
    daemon = Daemon(weir, "exitcode=0")
    daemon.lose()
    daemon.ask()
    equal(daemon.end()[0], 5, "status")


def test_other_signal(weir):
    daemon = Daemon(weir, f"report_signal={signal.SIGUSR2.value}")
    daemon.lose()
    check("40 byte(s) leaked" in daemon.ask(signal.SIGUSR2), daemon.text())
    daemon.end()


def test_no_signal(weir):
    daemon = Daemon(weir, "report_signal=0")
    daemon.child.send_signal(63)
    equal(daemon.end()[0], -63, "a signal that nobody asked for ends the program as ever")


def test_killed_between(weir):
    daemon = Daemon(weir)
    daemon.lose()
    report = daemon.ask()
    check("40 byte(s) leaked" in report, report)
    daemon.child.kill()
    equal(daemon.end()[0], -signal.SIGKILL, "status")


def test_many_at_once(weir):
    daemon = Daemon(weir)
    daemon.lose()
    for _ in range(20):
        daemon.child.send_signal(63)
    daemon.ask()
    equal(daemon.lose(), "lost 2\n", "answer")
    equal(daemon.end()[0], 23, "status")


def test_ends_during_checks(weir):
    """Checks that are asked for just before the end are not lost, though the process's group dies with it."""
    for options in ("", "leak_check_at_exit=0"):
        daemon = Daemon(weir, options)
        daemon.lose()
        daemon.ask()
        for lost in range(2, 4):
            daemon.child.send_signal(63)
            equal(daemon.lose(), f"lost {lost}\n", "answer")
        daemon.end()
        reports = len(re.findall(r"^SUMMARY: weir:", daemon.text(), re.M))
        check(reports >= (3 if options else 4), f"{reports} reports, with {options!r}: {daemon.text()}")


def test_without_check_at_exit(weir):
    daemon = Daemon(weir, "leak_check_at_exit=0")
    daemon.lose()
    check("40 byte(s) leaked" in daemon.ask(), daemon.text())
    equal(daemon.end()[0], 5, "status")


def test_daemon_that_waits_for_all_signals(weir):
    """The signal that asks for a check is not the program's, also where it is taken by sigwait."""
    program = weir.build("scenarios/programs/waits_for_all.c", ["-O1"])
    for way, answers in (("wait", True), ("timed", True), ("descriptor", False)):
        environment = weir.preloaded("exitcode=0:leak_check_at_exit=0:log_path=" + weir.path("report." + way))
        arguments = [program] if way == "wait" else [program, way]
        with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as daemon:
            equal(daemon.stdout.readline(), b"ready\n", "output")
            asked = weir.run([weir.tool, "check", str(daemon.pid)], preload=False)
            equal(asked.status, 0 if answers else 1, f"{way}: {asked.describe()}")
            daemon.send_signal(signal.SIGUSR1)
            equal(daemon.stdout.readline(), b"got 10\n", f"{way}: output")
            daemon.send_signal(signal.SIGTERM)
            out, _ = daemon.communicate()
            equal((daemon.returncode, out), (5, b""), f"{way}: status and output")
        if answers:
            with open(weir.path("report." + way), encoding="utf-8") as text:
                check("55 byte(s) leaked in 1 allocation(s)" in text.read(), way)


def test_descriptors_are_not_kept_open(weir):
    """The tool waits until the program has looked; the child that checks has none of its descriptors."""
    seen = weir.path("seen")
    tool = weir.write("slow_tool", f"#!/bin/sh\nwhile [ ! -e {seen} ]; do sleep 0.01; done\n")
    os.chmod(tool, 0o755)
    program = weir.build("scenarios/programs/closes_while_checked.c", ["-O1"])
    for mode in ("leak", "guard"):
        result = weir.run([program, seen], f"tool={tool}:leak_check_at_exit=0:mode={mode}")
        equal((result.status, result.stdout), (0, b"closed\n"), f"{mode}: status and output ({result.stderr})")
        os.remove(seen)


def test_first_thread_has_ended(weir):
    """What /proc shows of the process is without its memory then."""
    daemon = Daemon(weir, program="first_thread_ends.c")
    asked = weir.run([weir.tool, "check", str(daemon.child.pid)], preload=False)
    equal(asked.status, 0, asked.describe())
    check("66 byte(s) leaked in 1 allocation(s)" in daemon.ask(), daemon.text())
    equal(daemon.end()[0], 23, "status")
    check(len(re.findall("66 byte.s. leaked in 1 allocation", daemon.text())) >= 2, daemon.text())


harness.main(globals())
