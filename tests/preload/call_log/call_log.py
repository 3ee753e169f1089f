"""log= has a line for each call that it is asked for, whatever ends the process, and none of any other."""

import collections
import os
import re
import signal

import harness
from harness import check, equal

MODES = ("mode=leak", "mode=pass:stats=1:log_path=/dev/null", "mode=pass", "mode=guard")[:4 if harness.ALL else 2]
QUIET = "leak_check_at_exit=0"
LINE = re.compile(r"(?P<time>\d+\.\d{6}) \[(?P<tid>\d+) (?P<thread>[^\]]*)\] (?P<call>[a-z_ \[\]]+)\((?P<given>[^)]*)\)"
                  r"(?: = (?P<result>0x[0-9a-f]+|NULL))?  in (?P<place>\S+)")
HEADER = re.compile(r"# weir call log of \d+ \(\S+\), seconds from \d+\.\d{6} of CLOCK_MONOTONIC on *\+?")


class Call:
    def __init__(self, text):
        match = LINE.fullmatch(text)
        check(match is not None, f"a line of another form: {text!r}")
        self.__dict__.update(match.groupdict())
        self.module = self.place.split("+")[0]

    def __repr__(self):
        return f"{self.call}({self.given})"


def start(weir, program, *words, log="*", options="", **more):
    path = weir.build(f"call_log/programs/{program}", ["-O1", "-pthread"])
    return weir.run([path, *words], ":".join(filter(None, [QUIET, f"log='{log}'", options])), **more)


def read(path, header=True):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    equal(lines[-1], "", f"{path} ends with a newline")
    if header:
        check(HEADER.fullmatch(lines[0]) and len(lines[0]) == 127, f"the first line: {lines[0]!r}")
    return [Call(line) for line in lines[1 if header else 0:] if line]


def logged(weir, program, *words, status=0, stderr=b"", **more):
    """What the program itself called, from a file."""
    log = weir.path("calls.log")
    for path in (log, log + ".1"):
        if os.path.exists(path):
            os.remove(path)
    more["options"] = f"{more.get('options', '')}:log_file={log}".lstrip(":")
    result = start(weir, program, *words, **more)
    equal(result.status, status, f"status\n{result.describe()}")
    equal(result.stderr, stderr, f"standard error\n{result.describe()}")
    return read(log)


def own(calls, program="calls"):
    return [call for call in calls if call.module == program]


def test_every_call(weir):
    wanted = ["malloc(101)", "realloc(*, 102)", "free(*)", "calloc(3, 34)", "free(*)", "posix_memalign(64, 103)",
              "free(*)", "memalign(32, 104)", "free(*)", "memalign(128, 105)", "free(*)", "realloc(NULL, 106)",
              "realloc(*, 0)", "free(NULL)", "malloc(18446744073709547520)"]
    for mode in MODES:
        calls = own(logged(weir, "calls.c", "all", options=mode))
        equal([re.sub("0x[0-9a-f]+", "*", repr(call)) for call in calls], wanted, f"{mode}: the calls")
        live = set()
        for call in calls:
            if call.call == "free" and call.given != "NULL":
                live.remove(call.given)
            if call.call == "realloc" and not call.given.startswith("NULL"):
                live.remove(call.given.split(",")[0])
            if call.result not in (None, "NULL"):
                live.add(call.result)
        equal(live, set(), f"{mode}: what was allocated is freed")
        equal([call.result for call in calls if call.call == "realloc"][2], "NULL", "realloc(*, 0)")
        equal(calls[-1].result, "NULL", "a request that fails")


def test_operators(weir):
    wanted = ["operator new(11)", "operator delete(*)", "operator new[](12)", "operator delete[](*)",
              "operator new(13)", "operator delete(*)", "operator new(14, 64)", "operator delete(*)",
              "operator new[](128, 64)", "operator delete[](*)"]
    for mode in MODES:
        calls = own(logged(weir, "calls_cxx.cpp", options=mode), "calls_cxx")
        equal([re.sub("0x[0-9a-f]+", "*", repr(call)) for call in calls], wanted, f"{mode}: the operators")
        for made, ended in zip(calls[::2], calls[1::2]):
            equal(made.result, ended.given, f"{mode}: the block of {made}")


def test_threads(weir):
    for mode in MODES:
        calls = own(logged(weir, "calls.c", "threads", options=mode))
        equal([(call.thread, call.given) for call in calls if call.call == "malloc"],
              [("calls", "201"), ("renamed", "202")] * 2, f"{mode}: names of threads")
        equal(len({call.tid for call in calls}), 2, f"{mode}: threads")
        times = [float(call.time) for call in calls]
        equal(times, sorted(times), f"{mode}: times")


def test_places(weir):
    calls = own(logged(weir, "calls.c", "all"))
    places = {int(call.place.split("+")[1], 16) for call in calls}
    equal(len(places), len(calls), "each call has a place of its own")
    nm = harness.run_plain(["nm", "-S", weir.build("call_log/programs/calls.c", ["-O1", "-pthread"])]).stdout.decode()
    start_of, size = (int(n, 16) for n in re.search(r"(\w+) (\w+) t all\b", nm).groups())
    check(all(start_of < place <= start_of + size for place in places), f"places in all(): {places}")


def test_conditions(weir):
    """A block that is named is named when it goes, and no other."""
    for mode in MODES:
        calls = logged(weir, "calls.c", "all", log="size=101", options=mode)
        equal([call.call for call in calls], ["malloc", "realloc", "free"], f"{mode}: one block's life")
        equal(calls[1].result, calls[2].given, f"{mode}: where it went")
        calls = logged(weir, "calls.c", "all", log="call=memalign && size>=104; call=calloc module=calls", options=mode)
        equal([repr(call) for call in calls if call.call != "free"],
              ["calloc(3, 34)", "memalign(32, 104)", "memalign(128, 105)"], f"{mode}: several conditions")
        equal(len(calls), 6, f"{mode}: and their ends")
        calls = logged(weir, "calls.c", "all", "threads", log="thread=renamed", options=mode)
        equal([repr(call) for call in own(calls)][::2], ["malloc(202)"] * 2, f"{mode}: by the thread's name")
        calls = logged(weir, "calls.c", "all", "threads", log="caller=work size=201..202", options=mode)
        equal([repr(call) for call in calls][::2], ["malloc(201)", "malloc(202)"] * 2, f"{mode}: by the caller")
        calls = logged(weir, "calls.c", "all", "child", log="size=301 module=calls", options=mode)
        equal([call.call for call in calls], ["malloc", "free", "free"], f"{mode}: in the child, too")


def test_stderr(weir):
    result = start(weir, "calls.c", "all", log="size=101")
    lines = result.stderr.decode().splitlines()
    equal([Call(line).call for line in lines], ["malloc", "realloc", "free"], "lines on stderr")
    result = start(weir, "calls.c", "all", log="size=101", options="log_file=stdout")
    equal((len(result.stdout.splitlines()), result.stderr), (3, b""), "lines on stdout")


def test_nothing(weir):
    """The twin: no option, no line, no file."""
    result = weir.run([weir.build("call_log/programs/calls.c", ["-O1", "-pthread"]), "all", "threads"],
                      f"{QUIET}:log_file={weir.path('none.log')}")
    equal((result.status, result.stdout, result.stderr), (0, b"", b""), "without log=")
    check(not os.path.exists(weir.path("none.log")), "no file")
    for mode in MODES:
        equal(logged(weir, "calls.c", "all", "threads", log="size=77777", options=mode), [], f"{mode}: no such call")


def test_ends(weir):
    """Nothing is lost, however the process ends."""
    ends = {"kill": -signal.SIGKILL, "segv": -signal.SIGSEGV, "abort": -signal.SIGABRT, "_exit": 3, "quick": 4}
    for mode in ("mode=pass", "mode=leak"):
        for how, status in ends.items():
            calls = own(logged(weir, "calls.c", "many", "5000", "die", how, options=mode, status=status))
            equal([int(call.given) for call in calls], list(range(1, 5001)), f"{mode}: before {how}")


def test_closed_descriptors(weir):
    calls = own(logged(weir, "calls.c", "many", "2000", "close", "many", "3000"))
    equal([int(call.given) for call in calls], [*range(1, 2001), *range(1, 3001)], "calls after close_range")


def test_no_room_is_left_behind(weir):
    log = weir.path("trimmed.log")
    start(weir, "calls.c", "many", "100", log="module=calls", options=f"log_file={log}")
    with open(log, "rb") as file:
        check(not file.read().endswith(b"\n\n"), "empty lines at the end")


def test_child_shares_the_file(weir):
    for mode in MODES:
        calls = own(logged(weir, "calls.c", "many", "3000", "child", "many", "3000", options=mode))
        equal([call.given for call in calls if call.call == "malloc"],
              [*map(str, range(1, 3001)), "301", "4321", *map(str, range(1, 3001))], f"{mode}: parent and child")
        equal(len({call.tid for call in calls}), 2, f"{mode}: processes")


def test_child_with_its_own_file(weir):
    directory = weir.fresh_directory()
    result = start(weir, "calls.c", "child", options=f"log_file={directory}/%e.%p.log")
    names = sorted(os.listdir(directory), key=lambda name: int(name.split(".")[1]))
    equal(len(names), 2, f"files: {names}")
    equal(names[0], f"calls.{result.pid}.log", "the parent's")
    parent, child = (own(read(os.path.join(directory, name))) for name in names)
    equal([repr(call).split("(0x")[0] for call in parent], ["malloc(301)", "free"], "the parent's calls")
    equal([repr(call).split("(0x")[0] for call in child], ["malloc(4321)", "free"], "the child's calls")


def test_exec_goes_on(weir):
    program = weir.build("call_log/programs/calls.c", ["-O1", "-pthread"])
    calls = own(logged(weir, "calls.c", "many", "20000", "exec", program, "many", "10"))
    equal([int(call.given) for call in calls], [*range(1, 20001), *range(1, 11)], "before and after execv")
    times = [float(call.time) for call in calls]
    equal(times, sorted(times), "the times go on")


def test_other_processes(weir):
    """A program that a logged one starts has a file beside it; an older file is kept."""
    program = weir.build("call_log/programs/calls.c", ["-O1", "-pthread"])
    log = weir.path("shared.log")
    options = f"{QUIET}:log=module=calls:log_file={log}"
    result = weir.run(["/bin/sh", "-c", f"{program} many 3; {program} many 4; true"], options)
    equal((result.status, result.stderr), (0, b""), f"two programs\n{result.describe()}")
    beside = sorted(name for name in os.listdir(weir.directory) if name.startswith("shared.log."))
    equal([len(read(weir.path(name))) for name in beside], [3, 4], f"files beside: {beside}")
    weir.run([program, "many", "5"], options)
    equal(len(read(log)), 5, "the next run")
    equal(len(read(log + ".1")), 0, "what the shell had")


def test_rotation(weir):
    for mode in ("mode=pass", "mode=leak"):
        log = weir.path("turned.log")
        result = start(weir, "calls.c", "many", "40000", log="module=calls",
                       options=f"{mode}:log_file={log}:log_bytes=1M")
        equal((result.status, result.stderr), (0, b""), f"{mode}: turned twice\n{result.describe()}")
        for path in (log, log + ".1"):
            check(os.path.getsize(path) <= 1 << 20, f"{path} has {os.path.getsize(path)} bytes")
        check(os.path.getsize(log + ".1") > (1 << 20) - 400, "the older is full")
        sizes = [int(call.given) for path in (log + ".1", log) for call in read(path)]
        equal(sizes, list(range(sizes[0], 40001)), f"{mode}: the last lines, without a gap")


def test_writers(weir):
    """Threads and children at the same file: each line is whole, and no address is given twice."""
    rounds = 3000 if harness.ALL else 1200
    for mode in ("mode=pass", "mode=leak"):
        calls = own(logged(weir, "writers.c", str(2 * rounds), "0", options=mode), "writers")
        equal(collections.Counter(call.call for call in calls), {"malloc": 16 * rounds, "free": 16 * rounds}, f"{mode}: lines")
        live = set()
        for call in calls:
            if call.call == "malloc":
                check(call.result not in live, f"{mode}: {call.result} is given twice")
                live.add(call.result)
            elif call.given != "NULL":
                live.remove(call.given)
        calls = own(logged(weir, "writers.c", str(rounds), "2", options=mode), "writers")
        equal(collections.Counter(call.call for call in calls), {"malloc": 24 * rounds, "free": 24 * rounds}, f"{mode}: of three")


def test_rotating_writers(weir):
    log = weir.path("busy.log")
    result = start(weir, "writers.c", "10000", "2", options=f"mode=pass:log_file={log}:log_bytes=1M")
    equal((result.status, result.stderr), (0, b""), f"many turns\n{result.describe()}")
    for path in (log, log + ".1"):
        check(len(read(path)) > 0 and os.path.getsize(path) <= 1 << 20, path)


def test_stalled_writers(weir):
    """A thread that stands still within a line for several files, and then goes on, harms nothing."""
    log = weir.path("stalled.log")
    result = start(weir, "stalls.c", "1500" if harness.ALL else "150", options=f"mode=pass:log_file={log}:log_bytes=1M", timeout=180)
    equal((result.status, result.stderr), (0, b""), f"stalled\n{result.describe()}")
    for path in (log, log + ".1"):
        read(path)
        with open(path, "rb") as file:
            check(b"\n\n" not in file.read().rstrip(b"\n"), f"{path} has every line")


def test_bad_files(weir):
    cases = {"/no/such/directory/x": r"weir: cannot open log_file /no/such/directory/x: error 2; the calls go to stderr",
             "/dev/null": r"weir: cannot open log_file /dev/null, which is no file; the calls go to stderr"}
    for path, wanted in cases.items():
        result = start(weir, "calls.c", "all", log="size=101", options=f"log_file={path}")
        lines = result.stderr.decode().splitlines()
        equal((lines[0], len(lines)), (wanted, 4), f"{path}\n{result.describe()}")


def test_no_larger_than_allowed(weir):
    """RLIMIT_FSIZE ends the log, and not by SIGXFSZ the program."""
    program = weir.build("call_log/programs/calls.c", ["-O1", "-pthread"])
    log = weir.path("limited.log")
    result = weir.run(["/bin/sh", "-c", f"ulimit -f 1024; exec {program} many 40000"],
                      f"{QUIET}:log=module=calls:log_file={log}")
    equal((result.status, result.stderr.decode()), (0, f"weir: log_file {log}: cannot be written; no more lines\n"),
          result.describe())
    equal([int(call.given) for call in read(log)][:3], [1, 2, 3], "what there was room for")


def test_killed_holder(weir):
    """A child that is killed while it adds room is a zombie until its parent, which waits for the lock, collects it."""
    log = weir.path("killed.log")
    result = start(weir, "calls.c", "kills", "40", log="module=calls", options=f"log_file={log}", timeout=60)
    equal(result.status, 0, result.describe())


def test_killed_at_a_turn(weir):
    """A child that is killed while a new file begins: others end what it began."""
    log = weir.path("killed_at_a_turn.log")
    result = start(weir, "calls.c", "kills", "120" if harness.ALL else "30", log="module=calls",
                   options=f"mode=pass:log_file={log}:log_bytes=1M", timeout=120)
    equal((result.status, result.stderr.decode()), (0, ""), result.describe())
    for path in (log, log + ".1"):
        check(len(read(path)) > 0 and os.path.getsize(path) <= 1 << 20, path)


def test_file_goes_away(weir):
    """One line, and the program goes on without a log."""
    for how in ("unlink", "replace"):
        log = weir.path(f"{how}.log")
        result = start(weir, "calls.c", "many", "100", how, log, "many", "5000", options=f"log_file={log}")
        equal((result.status, result.stderr.decode()),
              (0, f"weir: log_file {log}: was moved or deleted; no more lines\n"), f"{how}\n{result.describe()}")
        equal(os.path.exists(log) and os.path.getsize(log), how == "replace" and 0, f"{how}: nobody's file is touched")


def test_mistakes(weir):
    cases = {
        "siz=4": "'siz' is no condition; the nearest is 'size', at 'siz' in 'siz=4'",
        "size>=1K -> x": "conditions of log= lead nowhere: '->' is for rules, at '->' in 'size>=1K -> x'",
        "call=maloc": "'maloc' is no call, or one twice; the nearest is 'malloc', at 'maloc' in 'call=maloc'",
    }
    for text, message in cases.items():
        result = start(weir, "calls.c", "all", log=f"{text}; size=101")
        lines = result.stderr.decode().splitlines()
        equal(lines[0], f"weir: log: {message}; these conditions are left out", "the line")
        equal(len(lines), 4, f"the other conditions stay\n{result.describe()}")
    result = start(weir, "calls.c", "all", log="siz=4", options="strict=1")
    equal(result.status, 2, "strict=1")


harness.main(globals())
