"""WEIR_OPTIONS: each option does what its sentence says; mistakes are told in one line and cost nothing else."""

import os
import re

import harness
from harness import ExpectedLeak, check, compare_leaks, equal

ODD = "lose_odd < main"
EVEN = "lose_even < main"


def loses(weir):
    return weir.build("scenarios/programs/loses.c", ["-O0"])


def keeps(weir):
    return weir.build("scenarios/programs/keeps.c", ["-O0"])


def run(weir, options, *arguments, status=None, **how):
    result = weir.run([loses(weir), *(arguments or ["1x41"])], options, **how)
    if status is not None:
        check(result.status == status, f"with {options!r}: status {result.status}, wanted {status}\n{result.describe()}")
    return result


def leaks_of(result):
    return [leak for report in result.reports for leak in report.leaks]


def test_exitcode(weir):
    run(weir, "", "1x41", "exit", "3", status=23)
    run(weir, "exitcode=0", "1x41", "exit", "3", status=3)
    run(weir, "exitcode=99", "1x41", status=99)
    run(weir, "exitcode=99", "0x41", "exit", "3", status=3)


def test_enabled(weir):
    result = run(weir, "enabled=0", status=0)
    equal(result.stderr, b"", "stderr")
    equal(leaks_of(result), [], "leaks")


def test_mode_pass(weir):
    result = run(weir, "mode=pass", status=0)
    equal(result.stderr, b"", "stderr")


def test_leak_check_at_exit(weir):
    result = run(weir, "leak_check_at_exit=0", status=0)
    equal(result.stderr, b"", "stderr")


def test_only(weir):
    run(weir, "only=loses", status=23)
    run(weir, "only=other,lo*s", status=23)
    run(weir, "only=other", status=0)
    run(weir, "only=lose", status=0)


def test_only_reaches_a_child(weir):
    result = weir.run(["/bin/sh", "-c", f"{loses(weir)} 1x41; echo $?"], "only=loses")
    equal(result.stdout, b"started\n23\n", "stdout")
    equal(result.status, 0, "the shell's status")


def test_follow(weir):
    child = f"{loses(weir)} 1x41 >/dev/null; echo $?; echo \"[$LD_PRELOAD]\""
    shell = ["/bin/sh", "-c", child]
    result = weir.run(shell, "follow=0:exitcode=7")
    equal(result.stdout.splitlines()[0], b"0", "status of the child, not followed")
    check(weir.library.encode() not in result.stdout, "the child still sees the library in LD_PRELOAD")
    result = weir.run(shell, "exitcode=7")
    equal(result.stdout.splitlines()[0], b"7", "status of the child, followed")


def test_follow_keeps_other_preloads(weir):
    other = weir.build("scenarios/programs/other_preload.c", ["-O0", "-shared", "-fPIC"], "other_preload.so")
    shell = ["/bin/sh", "-c", "printenv LD_PRELOAD"]
    result = weir.run(shell, "follow=0", env={"LD_PRELOAD": other})
    equal(result.stdout.decode().strip(), other, "LD_PRELOAD of the child")
    result = weir.run(shell, "", env={"LD_PRELOAD": other})
    equal(result.stdout.decode().strip(), f"{weir.library} {other}", "LD_PRELOAD of the child")


def test_follow_keeps_libraries_of_like_name(weir):
    other = weir.build("scenarios/programs/other_preload.c", ["-O0", "-shared", "-fPIC"], "libweirdo.so")
    result = weir.run(["/bin/sh", "-c", "printenv LD_PRELOAD"], "follow=0", env={"LD_PRELOAD": other})
    equal(result.stdout.decode().strip(), other, "LD_PRELOAD of the child")


def test_malloc_context_size(weir):
    for size in (1, 2, 3):
        result = run(weir, f"malloc_context_size={size}", status=23)
        frames = leaks_of(result)[0].stack
        equal(len(frames), size, f"frames with malloc_context_size={size}")
    equal(leaks_of(run(weir, "malloc_context_size=2"))[0].names(), ["lose_odd", "main"], "names")


def test_min_leak_bytes(weir):
    arguments = ["10x41", "1x100"]
    result = run(weir, "min_leak_bytes=101", *arguments, status=23)
    text = result.stderr.decode()
    check("410 byte(s) in 10 object(s)" in text, f"the larger group is not printed\n{text}")
    check("100 byte(s) in 1 object(s)" not in text, f"the smaller group is printed\n{text}")


def test_max_leaks(weir):
    result = run(weir, "max_leaks=1", "3x41", "1x1000", status=23)
    text = result.stderr.decode()
    check("1000 byte(s) in 1 object(s)" in text, f"the largest is not printed\n{text}")
    check("123 byte(s) in 3 object(s)" not in text, f"more than one is printed\n{text}")
    check("1123 byte(s) leaked in 4 allocation(s)" in text, f"the summary does not count all\n{text}")


def test_largest_first(weir):
    text = run(weir, "", "1x10", "1x1001", "3x100", status=23).stderr.decode()
    sizes = [int(size) for size in re.findall(r"leak of (\d+) byte", text)]
    equal(sizes, [1001, 310], "printed sizes")


def test_show_reachable(weir):
    result = weir.run([keeps(weir)], "show_reachable=1")
    reachable = [leak for leak in leaks_of(result) if leak.kind == "reachable" and leak.names()[0] == "keep"]
    compare_leaks([ExpectedLeak("reachable 100 1 keep < main")], reachable, "show_reachable=1")
    equal(result.status, 0, "status: what is reachable is no leak")
    check("keep" in result.stderr.decode(), f"the text does not list it\n{result.describe()}")
    equal(weir.run([keeps(weir)]).stderr, b"", "stderr without show_reachable")


def test_summary(weir):
    summary = "SUMMARY: weir:"
    check(summary in run(weir, "summary=leaks").stderr.decode(), "summary=leaks with a leak")
    check(summary not in run(weir, "summary=leaks", "0x1").stderr.decode(), "summary=leaks without one")
    check("weir: no leaks:" in run(weir, "summary=always", "0x1").stderr.decode(), "summary=always without a leak")
    equal(run(weir, "summary=never", "0x1").stderr, b"", "stderr with summary=never and no leak")
    check(summary not in run(weir, "summary=never").stderr.decode(), "summary=never with a leak")


def test_symbolize(weir):
    result = run(weir, "symbolize=0", status=23)
    text = result.stderr.decode()
    check("lose_odd" not in text, f"symbolize=0 prints names\n{text}")
    check(re.search(r"loses\+0x[0-9a-f]+", text), f"symbolize=0 prints no module+offset\n{text}")


def test_strip_path_prefix(weir):
    prefix = harness.HERE + "/"
    check(prefix in run(weir, "").stderr.decode(), "source paths are whole without the option")
    text = run(weir, f"strip_path_prefix={prefix}").stderr.decode()
    check(prefix + "scenarios" not in text and " scenarios/programs/loses.c:" in text, f"not cut\n{text}")


def test_color(weir):
    check(b"\033[" not in run(weir, "").stderr, "colour in a pipe")
    check(b"\033[" in run(weir, "color=always").stderr, "no colour with color=always")
    check(b"\033[" not in run(weir, "color=never").stderr, "colour with color=never")


def test_verbosity(weir):
    text = run(weir, "verbosity=1", "0x1", status=0).stderr.decode()
    check(re.search(r"^weir: ", text), f"verbosity=1 says nothing at start: {text!r}")


def test_unknown_option(weir):
    result = run(weir, "exitcod=7", "0x1", "exit", "4", status=4)
    text = result.stderr.decode()
    equal(len(text.splitlines()), 1, f"lines on stderr ({text!r})")
    check("exitcod'" in text and "'exitcode'" in text, f"does not name the option and the nearest: {text!r}")
    run(weir, "exitcod=7", "1x41", status=23)


def test_value_out_of_range(weir):
    for setting, allowed in (("exitcode=256", "0 to 255"), ("exitcode=-1", "0 to 255"), ("exitcode=x", "0 to 255"),
                             ("malloc_context_size=0", "1 to 1024"), ("mode=leek", "leak|pass"),
                             ("follow=2", "0 or 1"), ("report_signal=65", "0 to 64"), ("max_leaks=", "0 to")):
        result = run(weir, setting, "0x1", status=0)
        text = result.stderr.decode()
        equal(len(text.splitlines()), 1, f"lines on stderr with {setting} ({text!r})")
        name, value = setting.split("=")
        check(name in text and value in text and allowed in text, f"with {setting}: {text!r}")
        run(weir, setting, "1x41", status=23)


def test_option_without_value(weir):
    text = run(weir, "exitcode", "0x1", status=0).stderr.decode()
    check("exitcode" in text and "value" in text and len(text.splitlines()) == 1, f"{text!r}")


def test_mistakes_leave_the_others(weir):
    result = run(weir, "nonsense=1:exitcode=9:mode=what", "1x41", status=9)
    equal(len([line for line in result.stderr.decode().splitlines() if "WEIR_OPTIONS" in line]), 2, "lines")


def test_strict(weir):
    result = run(weir, "strict=1:exitcod=7", "0x1")
    check(result.status not in (0, 23) and result.stdout == b"", f"started all the same\n{result.describe()}")
    run(weir, "strict=1", "0x1", status=0)


def test_long_and_strange_values(weir):
    run(weir, "only=" + "x" * 5000, "0x1", status=0)
    run(weir, ":" * 3000, "0x1", status=0)
    run(weir, "=:==:=x:\xff\xfe=1", "0x1", status=0)


def test_malloc_conf_mistake_is_jemallocs(weir):
    result = run(weir, "", "0x1", status=0, env={"MALLOC_CONF": "no_such_option:1"})
    check(b"no_such_option" in result.stderr, "jemalloc did not read MALLOC_CONF")


def test_preloads_are_kept(weir):
    other = weir.build("scenarios/programs/other_preload.c", ["-O0", "-shared", "-fPIC"], "other_preload.so")
    result = run(weir, "", "0x1", status=0, env={"LD_PRELOAD": other})
    check(b"other preload\n" in result.stdout, "the other library is not in")


def test_options_of_the_tool_match(weir):
    listed = harness.run_plain([weir.tool, "options"]).stdout.decode()
    with open(os.path.join(harness.HERE, "../../shim/abi/options.def"), encoding="utf-8") as table:
        names = re.findall(r"^WEIR_(?:FLAG|NUMBER|CHOICE|TEXT)\((\w+)", table.read(), re.M)
    check(len(names) > 20, "the table was not read")
    for name in names:
        check(re.search(rf"\b{name}\b", listed), f"weir options does not list {name}")


harness.main(globals())
