"""A program that goes on until its standard input ends, and is asked by a signal meanwhile."""

import os
import re
import subprocess
import time

import harness
from harness import check, equal


class Daemon:
    def __init__(self, weir, options="", preload_options="", program="daemon.c"):
        self.log = os.path.join(weir.fresh_directory(), "log")
        program = weir.build(f"scenarios/programs/{program}", ["-O1", "-pthread"])
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
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            grown = self.text()[before:]
            if re.search(r"^SUMMARY: weir:.*\n", grown, re.M):
                return grown
            check(self.child.poll() is None, f"the daemon ended with {self.child.poll()}: {self.text()}")
            time.sleep(0.01)
        raise harness.Failure(f"no report within 200 s of the signal; the log holds: {self.text()!r}")

    def end(self):
        out, err = self.child.communicate(timeout=20)
        return self.child.returncode, out, err
