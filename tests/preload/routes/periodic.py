"""Statistics while the program runs: stats_every, as JSON, for Prometheus, and as a table."""

import json
import os
import re
import subprocess
import time

import harness
from harness import check, equal


class GoesOn:
    """A program that makes blocks of 100 bytes until it is told to end."""

    def __init__(self, weir, options, rules="hundred: size=100 -> pool"):
        program = weir.build("routes/programs/goes_on.c", ["-O1"])
        environment = weir.preloaded(f"mode=pass:stats_every=1:{options}")
        environment["WEIR_ROUTES"] = rules
        self.child = subprocess.Popen([program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)

    def wait_for(self, ready):
        deadline = time.monotonic() + 60
        while not ready():
            check(self.child.poll() is None and time.monotonic() < deadline, "nothing was written while it ran")
            time.sleep(0.01)

    def end(self):
        out, err = self.child.communicate(timeout=60)
        equal((self.child.returncode, out), (0, b""), "status and output")
        return err.decode()


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_json_is_written_again(weir):
    path = weir.path("stats.json")
    program = GoesOn(weir, f"stats_path={path}")
    program.wait_for(lambda: os.path.exists(path))
    first = json.loads(read(path))
    program.wait_for(lambda: json.loads(read(path)) != first)
    second = json.loads(read(path))
    program.end()
    last = json.loads(read(path))
    seconds = [document["seconds"] for document in (first, second, last)]
    counts = [document["routes"][0]["allocations"] for document in (first, second, last)]
    check(seconds == sorted(seconds) and 1 <= seconds[0] and seconds[1] >= 2, f"seconds {seconds}")
    check(1 < counts[0] < counts[1] <= counts[2], f"allocations {counts}")
    route = second["routes"][0]
    check(abs(route["allocations_per_second"] - route["allocations"] / second["seconds"]) <= 2, f"rate of {second}")
    equal((route["live_bytes"] // 112 in (9, 10), first["pid"]), (True, program.child.pid), f"{second}")
    equal(os.listdir(os.path.dirname(path)).count("stats.json.new"), 0, "what was beside it")


def test_prometheus(weir):
    path = weir.path("stats.%p.prom")
    program = GoesOn(weir, f"stats_path={path}")
    path = path.replace("%p", str(program.child.pid))
    program.wait_for(lambda: os.path.exists(path))
    program.end()
    labels = f'program="goes_on",pid="{program.child.pid}",route="hundred"'
    lines = read(path).splitlines()
    values = dict(re.fullmatch(r"(\S+\{.*\}) (\d+)", line).groups() for line in lines if not line.startswith("#"))
    check(int(values[f"weir_allocations_total{{{labels}}}"]) > 1, f"{values}")
    equal(int(values[f"weir_live_bytes{{{labels}}}"]) // 112 in (9, 10), True, f"{values}")
    # Each family is one group behind its HELP and TYPE.
    for name in {line.split("{")[0] for line in values}:
        at = lines.index(next(line for line in lines if line.startswith(f"# HELP {name} ")))
        check(re.fullmatch(rf"# TYPE {name} (counter|gauge)", lines[at + 1]), lines[at + 1])
        check(name.endswith("_total") == lines[at + 1].endswith("counter"), lines[at + 1])
        check(all(line.startswith(name + "{") for line in lines[at + 2:at + 4]), f"{lines[at:at + 4]}")


def test_table(weir):
    log = weir.path("log")
    program = GoesOn(weir, f"log_path={log}")
    program.wait_for(lambda: os.path.exists(log) and "(no rule)" in read(log))
    program.end()
    tables = re.findall(r"^hundred +(\d+) ", read(log), re.M)
    check(len(tables) >= 2 and int(tables[0]) <= int(tables[-1]), read(log))


def test_a_file_that_cannot_be_is_said_once(weir):
    log = weir.path("log")
    program = GoesOn(weir, f"stats_path={weir.path('nowhere')}/stats.json:log_path={log}")
    time.sleep(2.2)  # for what must not come
    text = program.end()
    equal(text.count("cannot open stats_path"), 2, f"lines while it ran and at its end\n{text}")


def test_tracked(weir):
    path = weir.path("tracked.json")
    program = GoesOn(weir, f"mode=leak:stats_path={path}")
    program.wait_for(lambda: os.path.exists(path))
    check(json.loads(read(path))["routes"][0]["allocations"] > 1, read(path))
    program.end()


def test_what_is_no_file_of_its_own_stays(weir):
    path, target = weir.path("link.json"), weir.write("target", "")
    os.symlink(target, path)
    program = GoesOn(weir, f"stats_path={path}:log_path=/dev/null")
    program.wait_for(lambda: os.path.getsize(target) > 0)
    program.end()
    check(os.path.islink(path), "the link is another file now")
    check(json.loads(read(target))["routes"][0]["allocations"] > 0, "the file that the link names")


harness.main(globals())
