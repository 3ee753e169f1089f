"""What is said of routes: the statistics at exit, as a table and as JSON, and the route of each leak."""

import glob
import json
import os
import re

import harness
from harness import check, equal
from rule_sets import RoutedWeir

COUNTED = ("hundred: size=100 -> pool; buffer: size=1000 -> fixed(capacity=64K); "
           "strict: size=2000 -> fixed(capacity=16K, full=null); arrays: size=300 call=new* -> arena")
# Of what counts.cpp asks: allocations, frees, bytes asked for, bytes alive at exit, fallbacks, failures.
FACTS = ("allocations", "frees", "requested_bytes", "live_bytes", "fallbacks", "failures")
WANTED = {"hundred": (3000, 3000, 300000, 0, 0, 0), "buffer": (65, 65, 65000, 0, 35, 0),
          "strict": (8, 8, 16000, 0, 0, 12), "arrays": (500, 300, 150000, 200 * 304, 0, 0)}
OF_CHILD = {"hundred": (10, 10, 1000, 0, 0, 0), "buffer": (0, 0, 0, 0, 0, 0), "strict": (0, 0, 0, 0, 0, 0),
            "arrays": (0, 0, 0, 200 * 304, 0, 0)}


def run(weir, rules, program, options, mode="pass", **how):
    built = weir.build(f"routes/programs/{program}", ["-O1", "-pthread"])
    return RoutedWeir(weir.library, weir.tool, weir.cache, rules, mode).run([built], options, **how)


def counted(weir, options=""):
    """Runs counts.cpp; its result, and the statistics of each process by its number."""
    directory = weir.fresh_directory()
    result = run(weir, COUNTED, "counts.cpp", f"stats=1:stats_path={directory}/%p.json{options}")
    equal(result.status, 0, "status")
    statistics = {}
    for path in glob.glob(os.path.join(directory, "*.json")):
        with open(path, encoding="utf-8") as file:
            statistics[int(os.path.splitext(os.path.basename(path))[0])] = json.load(file)
    equal(len(statistics), 2, "files of statistics: the program's and its child's")
    return result, statistics


def by_name(document):
    return {route["name"]: route for route in document["routes"]}


def facts(document):
    return {name: tuple(route[fact] for fact in FACTS) for name, route in by_name(document).items() if name in WANTED}


def test_json(weir):
    result, statistics = counted(weir)
    own = statistics.pop(result.pid)
    equal(facts(own), WANTED, f"{FACTS} by route")
    equal(facts(statistics.popitem()[1]), OF_CHILD, f"{FACTS} by route, of the child since its fork")
    equal((own["pid"], own["program"]), (result.pid, "counts"), "process")
    routes = by_name(own)
    equal(list(routes), [*WANTED, "(no rule)"], "routes, in the order of the rules")
    equal({name: routes[name]["target"] for name in WANTED},
          {"hundred": "pool", "buffer": "fixed", "strict": "fixed", "arrays": "arena"}, "targets")
    equal(routes["hundred"]["rule"], COUNTED.split(";")[0], "text of the rule")
    equal((routes["buffer"]["capacity"], routes["buffer"]["high_water_bytes"]), (64 << 10, 65 * 1008), "of the buffer")
    for name in WANTED:
        route = routes[name]
        check(route["requested_bytes"] <= route["granted_bytes"] < route["requested_bytes"] * 1.2, f"bytes of {route}")
        check(0 < route["peak_bytes"] <= route["peak_page_bytes"] and route["page_bytes"] <= route["peak_page_bytes"]
              and route["chunks"] > 0, f"peaks and pages of {route}")
    # All of these live at once. Others only the buffers hold at the end: a lane keeps its chunk.
    check(routes["hundred"]["peak_bytes"] == 3000 * 112 and routes["arrays"]["peak_bytes"] == 500 * 304, "peaks")
    check(routes["(no rule)"]["allocations"] >= 35, "what the full buffer left to the parent is the parent's")


def test_table(weir):
    result, statistics = counted(weir)
    text = result.stderr.decode()
    for pid in statistics:
        lines = text[text.index(f"=={pid}== weir: routes of counts\n"):].splitlines()[1:]
        wanted = WANTED if pid == result.pid else OF_CHILD
        for line, (name, (allocations, _, _, live, fallbacks, failures)) in zip(lines[1:], wanted.items()):
            cells = line.split()
            equal((cells[0], int(cells[1]), int(cells[6]), int(cells[7])), (name, allocations, fallbacks, failures), line)
            equal(cells[2], "59.4K" if live else "0", f"live bytes in {line!r}")
    check(max(len(line) for line in text.splitlines()) <= 80, f"wider than eighty columns:\n{text}")


def test_where(weir):
    path = weir.path("log")
    result, _ = counted(weir, f":log_path={path}.%p")
    equal(result.stderr, b"", "standard error with a log_path")
    with open(f"{path}.{result.pid}", encoding="utf-8") as log:
        check(re.search(r"^arrays +500 ", log.read(), re.M) is not None, "the log has no table")
    result = run(weir, "", "counts.cpp", "stats=1")
    check(re.search(r"^\(no rule\) +3\d\d\d ", result.stderr.decode(), re.M) is not None,
          f"without rules all is the parent's\n{result.describe()}")
    equal(run(weir, COUNTED, "counts.cpp", "").stderr, b"", "standard error without stats=1")


def test_peak_of_scopes(weir):
    """What ends with a scope counts for the thread that had it: its peak is exact."""
    path = weir.path("scopes.json")
    built = weir.build("routes/programs/ends_scopes.c", ["-O1", f"-I{harness.HERE}/../../shim"])
    under = RoutedWeir(weir.library, weir.tool, weir.cache, "requests: size=64 -> arena", "pass")
    result = under.run([built], f"stats=1:log_path=/dev/null:stats_path={path}")
    equal(result.status, 0, "status")
    with open(path, encoding="utf-8") as file:
        route = json.load(file)["routes"][0]
    equal((route["frees"], route["live_bytes"], route["peak_bytes"]), (100000, 0, 6400), f"{route}")


LOSING = ("strings: size<=64 -> pool; size=1000 -> arena; size=2000 -> arena(shared); size=3000 -> page; "
          "size=5000 -> fixed(capacity=8K, shared); rest: * -> parent")


def test_routes_of_leaks(weir):
    result = run(weir, LOSING, "loses_by_size.c", "", mode="leak")
    equal(result.status, 23, "status")
    leaks = result.reports[0].document["leaks"]
    check(all(leak.names()[:2] == ["lose", "main"] for leak in result.reports[0].leaks), result.describe())
    equal({leak.get("route"): (leak["kind"], leak["bytes"], leak["blocks"]) for leak in leaks},
          {"strings": ("direct", 120, 3), "arena#1": ("direct", 2000, 2), "arena#2": ("direct", 2000, 1),
           "page": ("direct", 3000, 1), "fixed": ("direct", 5000, 1),
           None: ("direct", 110000, 3)}, "leaks by route; a full buffer's are the parent's")
    equal(len(leaks), 6, "leaks")
    text = result.stderr.decode()
    check(re.search(r"120 byte\(s\) in 3 object\(s\)[^\n]*strings", text) is not None, f"the text names no route\n{text}")
    check("SUMMARY: weir: 122120 byte(s) leaked in 11 allocation(s)" in text, f"summary\n{text}")
    equal([leak.get("route") for leak in run(weir, "", "loses_by_size.c", "", mode="leak").reports[0].document["leaks"]],
          [None], "routes without rules")


harness.main(globals())
