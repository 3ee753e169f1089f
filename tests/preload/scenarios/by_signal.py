"""A daemon is asked by a signal, again and again; it goes on, and ends with its own status."""

import os
import re
import signal
import subprocess
import time

import harness
from harness import check, equal


class Daemon:
    def __init__(self, weir, options="", preload_options=""):
        self.log = os.path.join(weir.fresh_directory(), "log")
        program = weir.build("scenarios/programs/daemon.c", ["-O1", "-pthread"])
        environment = weir.preloaded(":".join(filter(None, [f"log_path={self.log}", options, preload_options])))
        self.child = subprocess.Popen([program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        equal(self.child.stdout.readline(), "ready\n", "the daemon's first line")

    def lose(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def text(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def ask(self, number=63):
        """Sends the signal and returns the report that it brings."""
        before = len(self.text())
        self.child.send_signal(number)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            grown = self.text()[before:]
            if re.search(r"^SUMMARY: weir:.*\n", grown, re.M):
                return grown
            check(self.child.poll() is None, f"the daemon ended with {self.child.poll()}: {self.text()}")
            time.sleep(0.01)
        raise harness.Failure(f"no report within 10 s of the signal; the log holds: {self.text()!r}")

    def end(self):
        out, err = self.child.communicate(timeout=20)
        return self.child.returncode, out, err


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


def test_without_check_at_exit(weir):
    daemon = Daemon(weir, "leak_check_at_exit=0")
    daemon.lose()
    check("40 byte(s) leaked" in daemon.ask(), daemon.text())
    equal(daemon.end()[0], 5, "status")


harness.main(globals())
