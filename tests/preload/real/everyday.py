"""Everyday programs: a script for each in everyday/, run by bash with the same output and status as natively.

A script opens with lines `#: WORD …`:

  title TEXT       what docs/COMPATIBILITY.md calls it; default the file's name
  needs PROGRAM…   skipped where one is missing; a path may hold *
  package NAME…    Debian's packages of these (scripts/setup --realworld)
  version COMMAND  whose output holds the version
  process NAME…    processes that must have reported to weir, * for any end; default the first of needs
  own NAME…        processes with an allocator of their own, which weir leaves alone
  outside REASON   why weir is not in the program, which then must not have reported
  known_guard TEXT what mode=guard still reports falsely; the script fails once it does not
  note TEXT        what docs/COMPATIBILITY.md says below the table
  root             skipped for other users

Ends of scripts say `status N` of what they started; a daemon is asked to end, and killed by a trap if it does not.
"""

import fnmatch
import glob
import os
import re
import shutil
from dataclasses import dataclass, field

import harness
from guard_case import GuardWeir
from harness import Failure, Skip, check
from twins import twins

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "everyday")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Script:
    name: str
    text: str
    title: str = ""
    needs: list = field(default_factory=list)
    package: list = field(default_factory=list)
    version: str = ""
    process: list = field(default_factory=list)
    own: list = field(default_factory=list)
    outside: str = ""
    known_guard: str = ""
    note: str = ""
    root: bool = False

    def missing(self):
        """What is not there, for a line; empty if it can run."""
        lacking = [each for each in self.needs if not (glob.glob(each) if "/" in each else shutil.which(each, path=PATH))]
        if lacking:
            return f"{' '.join(map(os.path.basename, lacking))} is not installed"
        return "needs root" if self.root and os.geteuid() != 0 else ""


def read(path):
    with open(path, encoding="utf-8") as file:
        script = Script(os.path.basename(path).removesuffix(".sh"), file.read())
    for word, value in re.findall(r"^#: (\w+) ?(.*)$", script.text, re.M):
        kind = type(getattr(script, word))
        setattr(script, word, True if kind is bool else value.split() if kind is list else value)
    script.title = script.title or script.name
    script.process = script.process or [os.path.basename(script.needs[0])]
    return script


def scripts():
    return [read(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.sh")))]


def check_processes(script, directory):
    """That weir was in the program, not only in the shell around it."""
    names = {re.sub(r"^log\.|\.\d+$", "", os.path.basename(path)) for path in glob.glob(directory + "/log.*")}
    for wanted in script.process:
        if wanted not in script.own:
            reported = any(fnmatch.fnmatch(name, wanted) for name in names)
            check(reported != bool(script.outside), f"{wanted} {'reported' if reported else 'did not report'}; {sorted(names)} did")


def run(weir, script):
    if script.missing():
        raise Skip(script.missing())
    if not script.known_guard or not isinstance(weir, GuardWeir):
        compare(weir, script)
        return
    try:
        compare(weir, script)
    except Failure:
        raise Skip(f"known: {script.known_guard}") from None
    raise Failure(f"is mended: take known_guard out of {script.name}.sh")


def compare(weir, script):
    passes = getattr(weir, "mode", "") == "pass"
    if passes and weir.greets:
        weir.run(["/bin/true"])
        weir.greets, weir.more_options = False, ""
    result = twins(weir, ["/bin/bash", "script"], files={"script": script.text}, timeout=200, compare=("status", "stdout"))
    if not passes:
        check_processes(script, os.path.dirname(result.place))


for each in scripts():
    globals()[f"test_{each.name}"] = lambda weir, script=each: run(weir, script)

harness.main(globals())
