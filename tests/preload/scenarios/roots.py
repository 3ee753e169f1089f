"""Nothing that holds a pointer is left out, at exit and in a check on demand."""

import re

import harness
from daemon import Daemon
from harness import equal


def lost(text):
    """Of each report in the text: (blocks, bytes) of every leak."""
    return [sorted((int(leak[1]), int(leak[0])) for leak in re.findall(r"leak of (\d+) byte\(s\) in (\d+) object", part))
            for part in re.split(r"SUMMARY: weir", text)[:-1]]


def look(weir, options):
    daemon = Daemon(weir, options, program="roots.c")
    asked = daemon.ask()
    equal(lost(asked), [[(1, 99)]], f"{options}: what the check on demand says\n{asked}")
    status, _, err = daemon.end()
    at_exit = daemon.text()[len(asked):]
    equal(lost(at_exit), [[(1, 99)]], f"{options}: what the check at exit says\n{at_exit}")
    equal((status, err), (23, ""), "status and standard error")


def test_leak(weir):
    look(weir, "mode=leak")


def test_guard(weir):
    look(weir, "mode=guard")


harness.main(globals())
