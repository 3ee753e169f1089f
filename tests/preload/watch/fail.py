"""fail= makes the requests fail that it names, and no others, exactly as libc and libstdc++ fail them."""

import os
import re
import signal
import subprocess

import harness
from harness import check, equal

MODES = ("mode=leak", "mode=pass", "mode=guard", "mode=pass:stats=1:log_path=/dev/null")
QUIET = "leak_check_at_exit=0"


def requests(weir, *words, fail="", options="", status=0, stderr="", **more):
    """The lines of programs/requests.c as a dictionary: "m10*5" to [3], "m10" to "ok" or "failed"."""
    program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
    quoted = f"fail='{fail}'" if fail else ""
    result = weir.run([program, *words], ":".join(filter(None, [QUIET, quoted, options])), **more)
    equal(result.status, status, f"status of requests {words} under fail={fail}\n{result.describe()}")
    if stderr is not None:
        equal(result.stderr.decode(), stderr, f"standard error of requests {words} under fail={fail}")
    return lines_of(result)


def lines_of(result):
    found = {}
    for line in result.stdout.decode().splitlines():
        word, _, rest = line.partition(" ")
        found[word.rstrip(":")] = [int(n) for n in rest.split()] if word.endswith(":") or "*" in word else rest
    return found


def expect(weir, fail, wanted, *words, **more):
    equal(requests(weir, *(words or wanted), fail=fail, **more), wanted, f"what failed under fail={fail}")


def test_nth(weir):
    for mode in MODES:
        expect(weir, "nth=3", {"m10*6": [3], "c4x4*3": []}, options=mode)
    expect(weir, "nth=1", {"m10*3": [1]})
    expect(weir, "nth=100", {"m10*3": []})
    expect(weir, "nth=2 times=3", {"m10*8": [2, 3, 4]})
    expect(weir, "nth=5 times=always", {"m10*8": [5, 6, 7, 8]})


def test_every(weir):
    expect(weir, "every=3", {"m10*10": [3, 6, 9]})
    expect(weir, "every=3 times=2", {"m10*10": [3, 6]})
    expect(weir, "every=1", {"m10*3": [1, 2, 3], "c4x4": "failed"})


def test_conditions(weir):
    all_calls = ["m100", "c10x10", "k100", "r500", "a64:300", "p64:300", "l128:300", "v300"]
    def failing(fail, *words):
        expect(weir, fail, {word: "failed" if word in words else "ok" for word in all_calls}, options="mode=pass")
    failing("size=100", "m100", "c10x10", "k100")
    failing("size>=300", "a64:300", "p64:300", "l128:300", "v300", "r500")
    failing("size>100 && size<500", "a64:300", "p64:300", "l128:300", "v300")
    failing("align>=128", "l128:300", "v300")
    failing("call=malloc", "m100", "k100")
    failing("call=calloc|realloc", "c10x10", "r500")
    failing("call=memalign size=300 align=64", "a64:300", "p64:300")
    failing("nth=2&&size=300", "p64:300")
    failing("nth=1 call=malloc; nth=1 call=calloc", "m100", "c10x10")


def test_code(weir):
    expect(weir, "caller=request", {"m10*3": [1, 2, 3]})
    expect(weir, "caller=request*|main nth=2", {"m10*3": [2]})
    expect(weir, "caller=other", {"m10*3": []})
    expect(weir, "source=requests.c", {"m10*2": [1, 2]})
    expect(weir, "source=other.c", {"m10*2": []})
    expect(weir, "module=requests", {"m10*2": [1, 2]})
    expect(weir, "module=libc.so*", {"m10*2": []})


def test_with_routes(weir):
    """The rules of fail and those of WEIR_ROUTES each have their own call sites."""
    routes = {"WEIR_ROUTES": "source=requests.c -> pool; caller=nobody -> arena"}
    for mode in ("mode=leak", "mode=pass"):
        expect(weir, "caller=request nth=2", {"m10*3": [2], "k50": "ok", "r70": "ok"}, options=mode, env=routes)
        expect(weir, "call=realloc", {"m10*3": [], "k50": "ok", "r70": "failed"}, options=mode, env=routes)


def test_threads_by_name(weir):
    for mode in MODES:
        expect(weir, "thread=worker*", {"m20": "ok", "m30*2": [1, 2]}, "m20", "t:worker1", "m30*2", options=mode)
        expect(weir, "thread=other", {"m20": "ok", "m30*2": []}, "m20", "t:worker1", "m30*2", options=mode)


def test_threads_share_the_count(weir):
    for mode in MODES:
        equal(requests(weir, "T4", "m64*25000", fail="every=100 size=64", options=mode), {"failed": "1000"},
              f"failures of four threads, {mode}")


def test_after(weir):
    equal(requests(weir, "m10*3", "s400", "m20*3", fail="after=300ms"), {"m10*3": [], "m20*3": [1, 2, 3]}, "after=300ms")
    equal(requests(weir, "m10*3", "s400", "m20*3", fail="after=300ms nth=2"), {"m10*3": [], "m20*3": [2]}, "and nth=2")
    equal(requests(weir, "m10*3", fail="after=60s"), {"m10*3": []}, "after=60s")


def seed_of(result):
    match = re.fullmatch(r"weir: fail: seed=(\d+)\n", result.stderr.decode())
    check(match, f"no seed is printed:\n{result.describe()}")
    return match[1]


def test_chance(weir):
    program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
    def failed(fail):
        result = weir.run([program, "m10*4000"], f"{QUIET}:fail='{fail}'")
        return seed_of(result), lines_of(result)["m10*4000"]
    seed, first = failed("chance=0.05")
    other_seed, other = failed("chance=0.05")
    check(seed != other_seed and first != other, "two seeds of the kernel's are the same")
    check(120 < len(first) < 280 and 120 < len(other) < 280, f"of 4000 at 0.05, {len(first)} and {len(other)} failed")
    equal(failed(f"chance=0.05 seed={seed}"), (seed, first), "the same seed")
    equal(failed(f"chance=1/20 seed={seed}")[1], first, "the same chance, written otherwise")
    check(set(failed(f"chance=0.01 seed={seed}")[1]) < set(first), "less chance is a part of more")
    equal(failed("chance=1 seed=1 times=5")[1], [1, 2, 3, 4, 5], "chance=1")


def test_chance_in_threads(weir):
    counts = {requests(weir, "T4", "m64*5000", fail="chance=0.1 seed=7 size=64", options=mode,
                       stderr="weir: fail: seed=7\n")["failed"] for mode in MODES}
    equal(len(counts), 1, f"numbers that one seed fails in {MODES}: {counts}")


def test_realloc_keeps_the_block(weir):
    for mode in MODES:  # the program compares the contents
        expect(weir, "call=realloc every=2", {"k1000": "ok", "r5000": "ok", "r9000": "failed", "r100": "ok"}, options=mode)
        expect(weir, "call=realloc", {"k1000": "ok", "r200000": "failed", "r100": "failed"}, options=mode)


def test_operators(weir):
    program = weir.build("watch/programs/operators.cpp", ["-O1"])
    forms = ["new", "new[]", "new nothrow", "new[] nothrow", "new aligned", "new[] aligned", "new aligned nothrow",
             "new[] aligned nothrow"]
    def lines(first, second):
        return "".join(f"{form} {outcome.format('null' if 'nothrow' in form else 'bad_alloc')}\n"
                       for form in forms for outcome in (first, second))
    for mode in MODES:
        def said(fail):
            return weir.run([program], f"{QUIET}:{mode}:fail='{fail}'").stdout.decode()
        always = lines("{}, handler called 0", "{}, handler called 2")
        equal(said("call=new*"), always, f"operators when all fail, {mode}")
        equal(said("size>=1 caller=*"), always, f"operators when all requests fail, {mode}")
        equal(said("call=new* size=300 times=1").splitlines()[4:6],
              ["new nothrow null, handler called 0", "new nothrow block, handler called 0"], f"once, {mode}")
        equal(said("call=new* size=100 nth=2").splitlines()[:2],
              ["new block, handler called 0", "new block, handler called 1"], f"the handler helps, {mode}")


def test_forked_child(weir):
    for mode in MODES:
        equal(requests(weir, "m10*3", "f", "m20*3", fail="nth=5", options=mode), {"m10*3": [], "m20*3": [2]},
              f"the count goes on in a child, {mode}")


def test_nothing_of_weirs_own_fails(weir):
    for mode in MODES:
        stacks = weir.path("own.stacks")
        equal(requests(weir, "m10*2", "f", "T4", "m10*10", fail="every=1 caller=request*",
                       options=f"{mode}:alloc_stacks={stacks}"), {"m10*2": [1, 2], "failed": "42"}, mode)


def test_told_once_for_each_stack(weir):
    program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
    for mode in MODES:
        result = weir.run([program, "m24*50", "c8x8"], f"{QUIET}:{mode}:fail='size=24;size=64':verbosity=1")
        lines = [line for line in result.stderr.decode().splitlines() if line.startswith("weir: fail")]
        equal(len(lines), 3, f"lines about failures, {mode}\n{result.describe()}")
        place = re.escape(program) + r"\+0x[0-9a-f]+, stack [0-9a-f]{16}"
        check(re.fullmatch(rf"weir: fail: malloc of 24 byte\(s\) in {place}", lines[0]), lines[0])
        check(re.fullmatch(rf"weir: fail: calloc of 64 byte\(s\) in {place}", lines[1]), lines[1])
        equal(lines[2], "weir: fail: 51 request(s) failed", "the count")


def test_mistakes(weir):
    def told(fail, message, shown=""):
        stderr = f"weir: fail: {message}; this rule is left out\n" + (shown or f"  {fail}\n")
        program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
        result = weir.run([program, "m10*3"], f"{QUIET}:fail='{fail}'")
        equal(result.status, 0, "status")
        check(result.stderr.decode().startswith(stderr), f"wanted\n{stderr}\n{result.describe()}")
        return lines_of(result)
    told("nth=0", "'nth' cannot be '0', it takes a number from 1 on")
    told("nhh=3", "'nhh' is no term of fail; the nearest is 'nth'")
    told("evry=3", "'evry' is no term of fail; the nearest is 'every'", "  evry=3\n  ^~~~\n")
    told("modul=x", "'modul' is no term of fail; the nearest is 'module'")
    told("nth", "'nth' needs '=' and a number from 1 on")
    told("chance=2", "'chance' cannot be '2', it takes more than 0 and up to 1, as in 0.001 or 1/1000",
         "  chance=2\n         ^\n")
    told("nth=1 chance=0.5", "of 'nth', 'every' and 'chance' only one can stand in a rule")
    told("after=3", "'after' cannot be '3', it takes a time, as in 2s or 500ms")
    told("stack=12g4", "'12g4' is no stack; 'stack' takes hashes of stacks, as in 0f3a6b1c22d4e587")
    told("size>=4K seed=3", "'seed' is for 'chance', which is missing")
    told("size", "'size' needs <=, <, >=, > or =, as in size<=256")
    equal(told("nht=1; nth=2", "'nht' is no term of fail: nth, every, chance, seed, times, after, stack, size, align, "
               "thread, module, caller, source, call", "  nht=1\n  ^~~\n"), {"m10*3": [2]}, "the other rule holds")


def test_strict(weir):
    program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
    result = weir.run([program, "m10"], "strict=1:fail=nht=3")
    equal((result.status, result.stdout), (2, b""), "status and output with strict=1")
    check(result.stderr.endswith(b"weir: fail has errors and strict=1: not started\n"), result.describe())


def test_off(weir):
    expect(weir, "every=1", {"m10*2": []}, options="enabled=0")
    expect(weir, "every=1", {"m10*2": []}, options="only=other")


# The files of stacks

def stacks_of(path):
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words[1] == "stack":
                check(words[2] not in found, f"{words[2]} is there twice")
                found[words[2]] = (words[3], int(words[4]), len(words[6:]))
    return found


def counts_of(path):
    with open(path, encoding="utf-8") as file:
        return [tuple(line.split()[2:]) for line in file if line.split()[1] == "count"]


def record(weir, *words, name="recorded", options="", **more):
    path = weir.path(name)
    if os.path.exists(path):
        os.remove(path)
    requests(weir, *words, options=f"alloc_stacks={path}:{options}".rstrip(":"), **more)
    return path


def test_stacks_are_the_same_in_each_run(weir):
    words = ["m10*3", "c4x4", "k10", "r5000", "p64:300"]
    found = [stacks_of(record(weir, *words, options=mode)) for mode in (*MODES, *MODES)]
    equal(sorted((call, size) for call, size, _ in found[0].values() if size != 1024),
          [("calloc", 16), ("malloc", 10), ("malloc", 10), ("memalign", 300), ("realloc", 5000)], "stacks")
    check(all(each == found[0] for each in found), f"stacks differ: {found}")


def test_one_stack_fails(weir):
    stacks = stacks_of(record(weir, "m10*3", "k10", "c4x4", "c4x5*3"))
    of = {(call, size): name for name, (call, size, _) in stacks.items()}
    for mode in MODES:
        expect(weir, f"stack={of['calloc', 16]}", {"m10*3": [], "k10": "ok", "c4x4": "failed"}, options=mode)
        expect(weir, f"stack=1,{of['calloc', 20]},2 nth=2", {"m10*3": [], "c4x5*3": [2]}, options=mode)
    expect(weir, "stack=0123456789abcdef", {"m10*3": []})


def test_counts_at_each_end(weir):
    for end in ("e", "_", "q"):
        path = record(weir, "m10*7", end)
        check(any(count == "7" for _, count in counts_of(path)), f"no stack is counted 7 times after {end}")
    path = record(weir, "m10*7", "K", status=-signal.SIGKILL)
    equal(len(stacks_of(path)), 1, "stacks of a killed program")


def test_files_of_children(weir):
    path = record(weir, "m10", "f", "c4x4", "_")
    equal(sorted(call for call, _, _ in stacks_of(path).values()), ["calloc", "malloc"], "stacks in one file")
    directory = weir.fresh_directory()
    requests(weir, "m10*2", "f", "m10*2", "c4x4", "_", options=f"alloc_stacks={directory}/%p.stacks")
    files = sorted((stacks_of(os.path.join(directory, name)) for name in os.listdir(directory)), key=len)
    equal(len(files), 2, "files, one for each process")
    equal(sorted(call for call, _, _ in files[1].values()), ["calloc", "malloc"], "the child's")


def test_unwritable_file(weir):
    equal(requests(weir, "m10*3", options="alloc_stacks=/nowhere/at/all",
                   stderr="weir: cannot open alloc_stacks /nowhere/at/all\n"), {"m10*3": []}, "what failed")


def test_closed_descriptors_and_directories(weir):
    """The path is that of the start, whatever the program does to its directory and descriptors."""
    directory, other = weir.fresh_directory(), weir.fresh_directory()
    result = weir.run(["/bin/bash", "-c", f"cd {other}; exec 3>&- 4>&- 5>&-; x=$(echo 1); echo $x"],
                      f"{QUIET}:mode=pass:alloc_stacks=here.stacks", cwd=directory)
    equal((result.status, result.stdout, result.stderr), (0, b"1\n", b""), "bash")
    check(len(stacks_of(os.path.join(directory, "here.stacks"))) > 10, "there are no stacks of bash")
    equal(os.listdir(other), [], "files where the program went")


def test_real_program_survives(weir):
    """perl says "Out of memory" or goes on, but weir itself never breaks: only signals that are natural are seen."""
    for seed in range(12):
        result = weir.run(["/usr/bin/perl", "-e", "my %h = map { $_ => 'x' x $_ } 1..300; print scalar(keys %h)"],
                          f"{QUIET}:fail='chance=0.01 seed={seed}':verbosity=1")
        check(result.status >= 0 or b"weir: fail: " in result.stderr, result.describe())
        check(b"request(s) failed" in result.stderr or result.status != 0, f"no count at exit\n{result.describe()}")


def test_help_from_the_command(weir):
    program = weir.build("watch/programs/requests.c", ["-O1", "-pthread"])
    result = subprocess.run([weir.tool, "run", "-o", "fail=nth=2", "-o", "leak_check_at_exit=0", "--", program, "m10*3"],
                            env=weir.environment(WEIR_LIBRARY=weir.library), capture_output=True, check=False)
    equal((result.returncode, result.stdout, result.stderr), (0, b"m10*3: 2\n", b""), "weir run -o fail=nth=2")


harness.main(globals())
