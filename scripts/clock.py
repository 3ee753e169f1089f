"""Runs a command and notes what it took of the processors: clock.py COMMAND…; a line of JSON is added to $WEIR_CLOCKED.

meson's log has the wall's time alone. Called by run_tests.py, as meson's wrapper.
"""

import json
import os
import signal
import sys

command = sys.argv[1:]
child = os.posix_spawnp(command[0], command, os.environ)
signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))  # meson's, when a test takes too long
_, status, usage = os.wait4(child, 0)
line = json.dumps({"command": command, "cpu": usage.ru_utime + usage.ru_stime}) + "\n"
with open(os.environ["WEIR_CLOCKED"], "a", encoding="utf-8") as file:
    file.write(line)
code = os.waitstatus_to_exitcode(status)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
