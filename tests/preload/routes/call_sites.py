"""Rules on the calling module, function and source file take exactly the calls that they name: counted by stats=1."""

import json
import os
import shutil
import subprocess

import harness
from harness import check, equal
from rule_sets import RoutedWeir

FLAGS = ["-O2", "-fPIC", "-rdynamic", "-pthread", "-ldl"]
FUNCTIONS = ("c: caller=parse_x -> pool; method: caller=text::Parser::read -> arena; "
             "inlined: caller=*inlined_helper -> pool; cold: caller=parse_cold -> pool")
COUNTS = {"c": 11, "method": 23, "inlined": 37, "cold": 5}


def program(weir):
    return weir.build("routes/programs/call_sites.cpp", FLAGS)


def plugin(weir, function, *flags):
    return weir.build("routes/programs/call_sites_plugin.c",
                      ["-O2", "-fPIC", "-shared", f"-DPLUGIN={function}", *(flags or ["-DBEGINS"])], output=f"{function}.so")


def run(weir, rules, *arguments, argv=None, options="", library=None, stderr="", mode="pass", timeout=harness.TIMEOUT):
    """The counts of each process, the first one first: route name to allocations."""
    under = RoutedWeir(library or weir.library, weir.tool, weir.cache, rules, mode)
    path = os.path.join(under.directory, "%p.stats")
    options = ":".join(filter(None, [f"stats=1:log_path=/dev/null:stats_path={path}", options]))
    result = under.run(argv or [program(weir), *arguments], options, timeout=timeout)
    equal((result.status, result.stderr.decode()), (0, stderr), "status and standard error")
    names = sorted((name for name in os.listdir(under.directory) if name.endswith(".stats")),
                   key=lambda name: name != f"{result.pid}.stats")
    counts = []
    for name in names:
        with open(os.path.join(under.directory, name), encoding="utf-8") as file:
            counts.append({route["name"]: route["allocations"] for route in json.load(file)["routes"]})
    return counts


def expect(weir, rules, wanted, *arguments, **more):
    counts = run(weir, rules, *arguments, **more)
    equal(len(counts), 1, "processes with statistics")
    equal({name: counts[0][name] for name in wanted}, wanted, f"allocations by route under {rules}")


def test_functions(weir):
    expect(weir, FUNCTIONS, COUNTS)
    expect(weir, "all: caller=parse_*|text::* -> pool", {"all": 11 + 5 + 23 + 37})
    expect(weir, "linker: caller=_ZN4text6ParserIcE4readEi -> pool; whole: caller=\"parse_x(int)\" -> pool",
           {"linker": 23, "whole": 0})
    expect(weir, "full: caller=\"text::Parser<char>::read(int)\" -> pool; none: caller=parse -> pool",
           {"full": 23, "none": 0})


def test_functions_when_tracked(weir):
    expect(weir, FUNCTIONS, COUNTS, mode="leak")
    one, two = plugin(weir, "plugin_one"), plugin(weir, "plugin_two")
    expect(weir, "one: caller=plugin_one -> pool; two: caller=plugin_two -> pool", {"one": 5 + 9, "two": 7},
           "plugin", one, two, mode="leak")


def test_source_files(weir):
    expect(weir, "file: source=call_sites.cpp -> pool", {"file": 11 + 23 + 37 + 5 + 100})
    expect(weir, "path: source=*/programs/call_sites.cpp -> pool; none: source=*.c -> pool",
           {"path": 11 + 23 + 37 + 5 + 100, "none": 0})
    expect(weir, "both: caller=parse_x source=*.cpp -> pool; none: caller=other source=*.c -> pool",
           {"both": 11, "none": 0})


def test_modules(weir):
    expect(weir, "main: module=call_sites size=100 -> pool; none: module=sites -> pool", {"main": 176, "none": 0})
    one, two = plugin(weir, "plugin_one"), plugin(weir, "plugin_two")
    expect(weir, "one: module=plugin_one.so -> pool; two: module=*/plugin_two.so -> arena",
           {"one": 1 + 5 + 1 + 9, "two": 1 + 7}, "plugin", one, two)


def test_with_other_conditions(weir):
    expect(weir, "small: caller=parse_x size<=50 -> pool; array: caller=*::read call=new[] -> pool; "
                 "rest: caller=parse_x -> pool", {"small": 0, "array": 23, "rest": 11})
    expect(weir, "module: caller=parse_x module=call_sites -> pool; none: caller=other module=libc* -> pool",
           {"module": 11, "none": 0})


def test_plugins(weir):
    one, two = plugin(weir, "plugin_one"), plugin(weir, "plugin_two")
    rules = "one: caller=plugin_one -> pool; two: caller=plugin_two -> pool; begin: caller=begin_plugin -> pool"
    expect(weir, rules, {"one": 5 + 9, "two": 7, "begin": 3}, "plugin", one, two)
    expect(weir, "file: source=call_sites_plugin.c -> arena", {"file": 5 + 9 + 7 + 3}, "plugin", one, two)


def test_fork(weir):
    counts = run(weir, FUNCTIONS + "; plugin: caller=plugin_one -> pool", "fork", plugin(weir, "plugin_one"))
    equal(len(counts), 2, "processes with statistics")
    parent, child = counts
    equal({name: parent[name] for name in COUNTS}, {name: 2 * count for name, count in COUNTS.items()}, "the parent's")
    equal(parent["plugin"], 0, "the parent's calls of the plug-in")
    equal(child["plugin"], 5, "the child's calls of the plug-in")
    equal(child["c"] % 11, 0, "the child's calls")
    check(child["c"] >= 11, f"the child's calls: {child}")


def test_first_calls_at_once(weir):
    """Who calls while another thread waits for the names is answered without them, but not for ever."""
    for _ in range(3):
        expect(weir, "later: caller=plugin_one size=200 -> pool; first: caller=plugin_one -> pool", {"later": 4000},
               "race", plugin(weir, "plugin_one", "-UBEGINS"))


def test_threads(weir):
    rules = FUNCTIONS + "; plugin: caller=plugin_one -> pool; begin: caller=begin_plugin -> pool"
    expect(weir, rules, {**{name: 6000 * count for name, count in COUNTS.items()}, "plugin": 20, "begin": 20},
           "threads", plugin(weir, "plugin_one"), timeout=300)


def test_stripped(weir):
    for flag, wanted in (("--strip-debug", {"c": 11, "method": 23, "cold": 5, "driver": 37}),
                         ("--strip-all", {"c": 11, "method": 23, "driver": 37})):
        stripped = weir.path("stripped" + flag)
        subprocess.run(["strip", flag, "-o", stripped, program(weir)], check=True)
        expect(weir, FUNCTIONS + "; driver: caller=driver -> pool", {**wanted, "inlined": 0}, argv=[stripped])


def test_without_the_tool(weir):
    alone = shutil.copy(weir.library, weir.path("libweir.so"))
    line = ("weir: WEIR_ROUTES: rules with caller= or source= take nothing: the weir tool was not found "
            "(option tool=PATH)\n")
    options = "tool=" + weir.path("none")
    missing = f"weir: option 'tool': cannot execute {weir.path('none')}; looking beside the library\n"
    expect(weir, FUNCTIONS + "; main: module=call_sites size=100 -> pool", {"c": 0, "method": 0, "main": 176},
           library=alone, options=options, stderr=missing + line)
    broken = weir.write("broken", "#!/bin/sh\nexit 3\n")
    os.chmod(broken, 0o755)
    expect(weir, FUNCTIONS, {"c": 0}, options="tool=" + broken,
           stderr="weir: WEIR_ROUTES: rules with caller= or source= take nothing: the weir tool failed\n")


def test_no_names_no_tool(weir):
    """Rules that need no names start nothing."""
    noisy = weir.write("noisy", "#!/bin/sh\necho started >&2\nexit 3\n")
    os.chmod(noisy, 0o755)
    expect(weir, "main: module=call_sites size=100 -> pool", {"main": 176}, options="tool=" + noisy)


harness.main(globals())
