"""weir oom finds the failures that a program cannot take, all of them and no others."""

import json
import os
import re
import subprocess
import time

import harness
from harness import check, equal

SITES, FEW = (1000, []) if harness.ALL else (40, ["-DFEW"])


class Found:
    def __init__(self, result, document):
        self.status, self.text, self.stderr = result.returncode, result.stdout.decode(), result.stderr.decode()
        self.counts, self.runs = document["counts"], document["runs"]

    def by_function(self):
        """The program's own function whose request failed, to how that run ended, without libc's own stacks."""
        found = {}
        for run in self.runs:
            names = [frame.get("function") for frame in run["frames"] if "/libc" not in frame.get("module", "")]
            if len(names) == len(run["frames"]) - 2 and len(names) > 2:
                found.setdefault(names[0], set()).add(run["verdict"])
        return found

    def bad(self):
        return [run for run in self.runs if run["verdict"] not in ("handled", "not reached")]


def start(weir, arguments, stdin=b"", **environment):
    return subprocess.run([weir.tool, "oom", *arguments], input=stdin, capture_output=True, check=False, timeout=400,
                          cwd=weir.fresh_directory(), env=weir.environment(WEIR_LIBRARY=weir.library, **environment))


def oom(weir, program, *arguments, flags=(), stdin=b"", **environment):
    path = os.path.join(weir.fresh_directory(), "oom.json")
    result = start(weir, ["--json", path, *flags, "--", program, *arguments], stdin, **environment)
    check(os.path.exists(path), f"no results: status {result.returncode}\n{result.stdout.decode()}\n{result.stderr.decode()}")
    with open(path, encoding="utf-8") as file:
        found = Found(result, json.load(file))
    equal(found.status, 1 if found.bad() else 0, f"status\n{found.text}\n{found.stderr}")
    check(found.text.splitlines()[-1].startswith("SUMMARY: weir oom: "), found.text)
    return found


def unready(weir, *arguments, **more):
    return oom(weir, weir.build("watch/programs/unready.c", ["-O1"]), *arguments, **more)


def test_one_among_a_thousand(weir):
    for level in ("O0", "O2") if harness.ALL else ("O2",):
        found = oom(weir, weir.build("watch/programs/thousand_sites.c", ["-" + level, *FEW]))
        equal(found.counts["handled"], SITES, "handled")
        equal([(run["verdict"], run["end"], run["frames"][0]["function"], run["crash"][0]["function"])
               for run in found.bad()], [("crash", "SIGSEGV", "forgets", "forgets")], f"{level}: what is bad")
        equal(found.bad()[0]["bytes"], 77, "the request")
        check(re.search(r"crash: SIGSEGV when this malloc of 77 byte\(s\) failed \(stack=[0-9a-f]{16}\):\n"
                        r"    #0 0x[0-9a-f]+ in forgets .*/thousand_sites\.c:\d+", found.text), found.text)
        equal(found.text.splitlines()[-1], f"SUMMARY: weir oom: {SITES + 1} stack(s) failed once each: {SITES} handled, 1 crash(es), "
              "0 hang(s), 0 leak(s)", "summary")


WANTED = {"crashes": {"crash"}, "aborts": {"crash"}, "hangs": {"hang"}, "leaks": {"handled", "leak"},
          "says_less": {"silent"}, "exits": {"handled"}, "does_without": {"handled"}, "child_crashes": {"crash"},
          "always_leaks": {"handled"}, "tries_again": {"handled"}}


def test_every_kind(weir):
    found = unready(weir, stdin=b"some line\n")
    equal(found.by_function(), WANTED, "verdicts")
    ends = {run["frames"][0]["function"]: run["end"] for run in found.bad()}
    equal(ends, {"crashes": "SIGSEGV", "aborts": "SIGABRT", "hangs": "did not end in time", "child_crashes": "SIGSEGV",
                 "leaks": "104 byte(s) in 1 block(s) lost",
                 "says_less": "status 0 as in the good run, but another output"}, "ends")
    crash = {run["frames"][0]["function"]: [frame.get("function") for frame in run.get("crash", [])]
             for run in found.bad()}
    equal(crash["crashes"][:2], ["crashes", "main"], "where it crashed")
    check("abort" in crash["aborts"] and "aborts" in crash["aborts"], f"where it aborted: {crash['aborts']}")
    equal(crash["child_crashes"][0], "child_crashes", "where the child crashed")
    leak = next(run for run in found.bad() if run["verdict"] == "leak")
    equal([(each["bytes"], each["frames"][0]["function"]) for each in leak["leaks"]], [(104, "leaks")], "what leaked")
    check("  lost (direct): 104 byte(s) in 1 block(s), allocated in:\n    #0 " in found.text, found.text)
    equal([line.split(":")[0] for line in found.text.splitlines() if re.match(r"\w+: .* when this", line)],
          ["crash", "crash", "crash", "hang", "leak", "silent"], "the order of the text")


def test_a_program_that_is_ready(weir):
    found = unready(weir, "exits")
    equal((found.status, found.bad()), (0, []), "a program that handles all")
    check(found.counts["handled"] >= 1, found.text)


def test_switches(weir):
    equal(unready(weir, "aborts", flags=["--abort-is-handled"]).bad(), [], "--abort-is-handled")
    equal(unready(weir, "says_less", flags=["--ignore-output"]).bad(), [], "--ignore-output")
    equal(unready(weir, "leaks", flags=["--leaks", "none"]).bad(), [], "--leaks none")
    equal(unready(weir, "leaks", flags=["--leaks", "same"]).bad(), [], "--leaks same, another status")
    equal(len(unready(weir, "leaks", flags=["--leaks", "all"]).bad()), 1, "--leaks all")


def test_choice_of_stacks(weir):
    found = unready(weir, flags=["--only", "crashes|ex*s"])
    equal(sorted(run["frames"][0]["function"] for run in found.runs), ["crashes", "exits"], "--only")
    check(", " + str(found.counts["not tried"]) + " not tried" in found.text, found.text)
    equal(len(unready(weir, flags=["--only", "unready.c", "--ignore-output", "--timeout", "0.5"]).runs), 11, "--only a file")
    equal(len(unready(weir, flags=["--limit", "1"]).runs), 1, "--limit")


def test_timeout(weir):
    began = time.monotonic()
    equal(unready(weir, "hangs", flags=["--timeout", "2.5"]).counts["hang"], 1, "hangs")
    check(2.5 < time.monotonic() - began < 20, "the hang was not ended in time")


def test_same_input(weir):
    """Each run reads the whole input again: with another one its output would differ."""
    found = unready(weir, "needs_input", stdin=b"line of input\n")
    equal(found.bad(), [], "runs of a program that dies without its input")
    check(found.counts["handled"] != 0, found.text)


def test_exceptions(weir):
    program = weir.build("watch/programs/throws.cpp", ["-O1"])
    found = oom(weir, program, flags=["--only", "caught|nobody_catches"])
    bad = [(run["verdict"], run["end"], run["call"]) for run in found.bad()]
    equal(bad, [("crash", "SIGABRT", "new")], f"only what nobody catches\n{found.text}")
    check("nobody_catches" in [frame.get("function", "").split("(")[0] for frame in found.bad()[0]["frames"]], found.text)
    check(found.counts["handled"] >= 2, found.text)


def test_misuse_with_guard(weir):
    found = unready(weir, "overruns", flags=["--guard"])
    equal([(run["verdict"], run["frames"][0]["function"]) for run in found.bad()], [("misuse", "overruns")], found.text)
    check(found.bad()[0]["end"].startswith("heap-buffer-overflow: 2 byte(s) damaged at offset 10 of a block of 10 byte(s)"),
          found.bad()[0]["end"])
    equal(unready(weir, "exits", flags=["--guard"]).bad(), [], "the guard finds nothing more")


def test_nothing_to_compare_with(weir):
    program = weir.build("watch/programs/unready.c", ["-O1"])
    result = start(weir, ["--", program, "crashes_itself"])
    equal(result.returncode, 2, "status")
    check(b"ends by signal 11 without any failure" in result.stderr, result.stderr)
    result = start(weir, ["--", "/nowhere/app"])
    equal((result.returncode, result.stdout), (127, b""), "a program that is not there")
    equal(start(weir, []).returncode, 2, "no program")
    equal(start(weir, ["--leaks", "some", "--", program]).returncode, 2, "a wrong word")


def test_options_of_the_user(weir):
    suppressed = weir.write("known.supp", "leak:leaks\n")
    found = unready(weir, "leaks", flags=["-o", f"suppressions={suppressed}"])
    equal(found.bad(), [], "a suppressed leak")
    found = unready(weir, "leaks", WEIR_OPTIONS=f"suppressions={suppressed}")
    equal(found.bad(), [], "a leak suppressed by WEIR_OPTIONS")


def test_no_traces(weir):
    """Nothing stays in TMPDIR, no process stays behind, and no core file."""
    unready(weir, stdin=b"x\n", flags=["--timeout", "0.5"])
    left = [name for name in os.listdir(weir.directory) if name.startswith("weir-oom")]
    equal(left, [], "directories")
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout.decode()
    program = weir.build("watch/programs/unready.c", ["-O1"])
    check(program not in running, "a run goes on")


harness.main(globals())
