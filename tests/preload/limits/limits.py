"""limit= refuses, reports or aborts at the byte, whatever frees the blocks; and is silent below."""

import re
import signal
import sys
import zlib

import harness
from harness import check, equal

MODES = ("mode=leak", "mode=pass:stats=1:log_path=/dev/null", "mode=pass", "mode=guard")
QUIET = "leak_check_at_exit=0"


def modes():
    """Of the test that calls: all in the long tests, else one, always the same."""
    name = sys._getframe(1).f_code.co_name
    return MODES if harness.ALL else (MODES[zlib.crc32(name.encode()) % len(MODES)],)


def start(weir, program, *words, limit="", options="", flags=(), **more):
    path = weir.build(f"limits/programs/{program}", ["-O1", "-pthread", *flags])
    quoted = f"limit='{limit}'" if limit else ""
    return weir.run([path, *words], ":".join(filter(None, [QUIET, quoted, options])), **more)


def holds(weir, limit, wanted, options="", stderr=None, **more):
    """`wanted`: word -> what holds.c prints of it; words without a value print nothing."""
    words = [word for word, _ in wanted]
    result = start(weir, "holds.c", *words, limit=limit, options=options, **more)
    lines = [f"{word}: {value}" for word, value in wanted if value is not None]
    printed = result.stdout.decode().splitlines()
    equal(result.status, 0, f"status under {limit}\n{result.describe()}")
    equal(printed[0], "begin", "first line")
    equal([line for line in printed[1:] if not line.startswith("child")], lines, f"{options}: under limit={limit}")
    if stderr is not None:
        equal(result.stderr.decode(), stderr, f"{options}: standard error under limit={limit}")
    return result


def test_live_to_the_byte(weir):
    for mode in modes():
        result = holds(weir, "call=malloc caller=hold live<=100000",
                       [("m1000*200", "100 errno 12"), ("m1", "0 errno 12"), ("f1", None), ("m999", "1 errno 0"),
                        ("m1", "1 errno 0"), ("m1", "0 errno 12"), ("f*", None), ("m100000", "1 errno 0"),
                        ("m1", "0 errno 12"), ("f1", None), ("m100001", "0 errno 12")], mode)
        lines = result.stderr.decode().splitlines()
        check(re.fullmatch(r"weir: limit 'call=malloc caller=hold live<=100000': malloc of 1000 byte\(s\) in "
                           r"holds\+0x[0-9a-f]+ failed with 100000 byte\(s\) live; later failures are counted", lines[0]),
              f"the line for the first failure: {lines}")
        equal(lines[1:], ["weir: limit 'call=malloc caller=hold live<=100000': 5 requests failed, at most 100000 "
                          "byte(s) live"], "the line at exit")


def test_below_is_silent(weir):
    for mode in modes():
        holds(weir, "live<=1G; request<=1M; rss<=10G; live<=1G -> report; rss<=10G -> abort",
              [("m1000*1000", "1000 errno 0"), ("r5000", "1 errno 0"), ("t500", None), ("k100", None), ("f*", None)],
              mode, stderr="")


def test_every_call_counts(weir):
    for mode in modes():
        holds(weir, "size>=100 module=holds live<=10000",
              [("m4000", "1 errno 0"), ("c10x200", "1 errno 0"), ("a64:2000", "1 errno 0"), ("g64:1900", "1 errno 0"),
               ("m101", "0 errno 12"), ("c10x11", "0 errno 12"), ("a64:128", "0 errno 12"), ("g64:128", "0 errno 12"),
               ("m99", "1 errno 0"), ("m100", "1 errno 0"), ("m100", "0 errno 12"), ("f*", None),
               ("m10000", "1 errno 0")], mode)


def test_realloc(weir):
    for mode in modes():
        holds(weir, "module=holds live<=100000",
              [("m1000*50", "50 errno 0"),
               ("r51000", "1 errno 0"),       # moves: 100000
               ("r51001", "0 errno 12"),      # refused: the block is as it was
               ("r50999", "1 errno 0"), ("m1", "1 errno 0"), ("m1", "0 errno 12"), ("f1", None),
               ("r100", "1 errno 0"),         # shrinks: 49100
               ("m50900", "1 errno 0"), ("m1", "0 errno 12"), ("f*", None),
               ("m40000", "1 errno 0"), ("r100000", "1 errno 0"), ("r40000", "1 errno 0"), ("m60000", "1 errno 0"),
               ("m1", "0 errno 12")], mode)


def test_what_fails_counts_not(weir):
    """The heap itself has no memory for them."""
    huge = 1 << 46
    for mode in modes():
        holds(weir, f"module=holds live<={huge + 5000}",
              [(f"m{huge}", "0 errno 12"), ("m2000", "1 errno 0"), (f"r{huge}", "0 errno 12"),
               (f"c2x{huge // 2}", "0 errno 12"), (f"a64:{huge}", "0 errno 12"), ("m3000", "1 errno 0"),
               (f"m{huge}", "0 errno 12"), ("f*", None), ("m5000", "1 errno 0")], mode)


def test_realloc_leaves_the_conditions(weir):
    """The block counts by the call that made it last."""
    for mode in modes():
        holds(weir, "call=malloc live<=1000 module=holds",
              [("m1000", "1 errno 0"), ("m1", "0 errno 12"), ("r2000", "1 errno 0"), ("m1000", "1 errno 0"),
               ("m1", "0 errno 12")], mode)
        holds(weir, "size<=1000 live<=1000 module=holds",
              [("m1000", "1 errno 0"), ("r1001", "1 errno 0"), ("m600", "1 errno 0"), ("r1000", "1 errno 0"),
               ("m1", "0 errno 12"), ("f2", None), ("m1000", "1 errno 0")], mode)


def test_who_frees_does_not_matter(weir):
    for mode in modes():
        holds(weir, "caller=hold live<=100000",
              [("m1000*200", "100 errno 12"), ("t60", None), ("m1000*200", "60 errno 12"), ("t*", None),
               ("m1000*200", "100 errno 12")], mode)


def test_fork(weir):
    """The child has what its parent had, for itself."""
    for mode in modes():
        result = holds(weir, "caller=hold live<=100000",
                       [("m1000*60", "60 errno 0"), ("k10", None), ("m1000*200", "40 errno 12")], mode)
        check(b"child: 50 errno 12\n" in result.stdout, f"the child's part\n{result.describe()}")


def test_call_sites(weir):
    for mode in modes():
        holds(weir, "caller=keep live<=5000",
              [("m1000*20", "20 errno 0"), ("M1000*20", "5 errno 12"), ("f5", None), ("M1000*20", "5 errno 12")], mode)
        holds(weir, "source=holds.c && live<=5000; module=no-such-module live<=0", [("m1000*20", "5 errno 12")], mode)
        holds(weir, "module=libc.so* live<=0", [("m1000*20", "20 errno 0")], mode)
        holds(weir, "thread=holds caller=hold live<=2000; thread=other live<=0", [("m1000*20", "2 errno 12")], mode)


def test_routes(weir):
    routes = {"WEIR_ROUTES": "small: size<=500 -> pool; size<=600 -> arena; size=5000 -> fixed(capacity=64K)"}
    for mode in modes():
        holds(weir, "route=small module=holds live<=5000",
              [("m500*20", "10 errno 12"), ("m501*20", "20 errno 0"), ("f20", None), ("f1", None),
               ("m500*20", "1 errno 12"), ("r400", "1 errno 0"), ("m100", "1 errno 0"), ("m1", "0 errno 12"),
               ("f1", None), ("r5000", "1 errno 0"), ("m500*20", "1 errno 12"), ("f*", None),
               ("m250*40", "20 errno 12")], mode, env=routes)
        holds(weir, "route=arena|small live<=6000 module=holds",
              [("m500*6", "6 errno 0"), ("m600*20", "5 errno 12")], mode, env=routes)
        # A route that is full: the parent's blocks are not the route's.
        holds(weir, "route=fixed live<=200000 module=holds", [("m5000*100", "100 errno 0")], mode, env=routes)
    result = start(weir, "holds.c", "m500*5", limit="route=smal live<=10", env=routes)
    equal(result.stderr.decode(), "weir: limit: no rule of WEIR_ROUTES is called 'smal'; there are: small, arena, "
          "fixed; the limit 'route=smal live<=10' counts nothing\n", "an unknown route")


def test_rules_of_routes_see_the_program(weir):
    """The room that counts stands between the program and its heap."""
    routes = {"WEIR_ROUTES": "mine: module=holds -> pool; keeper: caller=keep -> pool"}
    for mode in modes():
        holds(weir, "route=mine live<=5000", [("m100*100", "50 errno 12")], mode, env=routes)
    for mode in ("mode=leak", "mode=pass", "mode=guard"):
        stats = weir.path("stats.json")
        holds(weir, "live<=1G", [("m100*100", "100 errno 0")], f"{mode}:stats=1:log_path=/dev/null:stats_path={stats}",
              env={"WEIR_ROUTES": "keeper: caller=hold -> pool"})
        with open(stats, encoding="utf-8") as file:
            check('"allocations": 100,' in file.read().split("(no rule)")[0], f"{mode}: 100 blocks on the route")


def test_scopes(weir):
    include = f"-I{harness.HERE}/../../shim"
    for mode in ("mode=pass", "mode=leak"):
        result = start(weir, "scopes.c", limit="route=requests live<=200000", options=mode, flags=[include, "-ldl"],
                       env={"WEIR_ROUTES": "requests: * -> arena"})
        equal((result.stdout, result.stderr), (b"failed 0 route yes\n", b""), f"{mode}: scopes\n{result.describe()}")
        result = start(weir, "scopes.c", limit="route=requests live<=100999", options=mode, flags=[include, "-ldl"],
                       env={"WEIR_ROUTES": "requests: * -> arena"})
        equal(result.stdout, b"failed 1000 route yes\n", f"{mode}: scopes with too little\n{result.describe()}")


def test_storm(weir):
    for mode in modes():
        for limit in (300000, 1000000):
            result = start(weir, "storm.c", str(limit), "8", "6000", limit=f"module=storm live<={limit}", options=mode)
            equal(result.stdout, b"within 1 failed 1 succeeded 1 whole 1 more 0\n",
                  f"{mode}: threads under {limit}\n{result.describe()}")


def test_new(weir):
    wanted = {"new": "bad_alloc", "nothrow": "null", "one": "bad_alloc", "aligned": "bad_alloc",
              "aligned nothrow": "null", "malloc": "null", "fits": "ok", "handler": "ok", "full": "bad_alloc",
              "handled": "1"}
    for mode in modes():
        result = start(weir, "news.cpp", limit="call=new*|malloc module=news live<=100000", options=mode)
        lines = dict(re.split(r": | (?=\d)", line) for line in result.stdout.decode().splitlines())
        equal(lines, wanted, f"{mode}: operators\n{result.describe()}")


def test_request(weir):
    for mode in modes():
        result = start(weir, "big_requests.c", limit="request<=299999", options=mode)
        equal(result.stdout, b"got 1\n", f"{mode}: large requests\n{result.describe()}")
        result = start(weir, "big_requests.c", limit="request<=300000", options=mode)
        equal((result.stdout, result.stderr), (b"got 6\n", b""), f"{mode}: requests that fit")
        result = start(weir, "big_requests.c", limit="request<=299999 -> report", options=mode)
        equal(result.stdout, b"got 6\n", f"{mode}: large requests reported")
        if "log_path" not in mode:
            equal(result.stderr.count(b"WARNING: weir: limit"), 2,
                  f"{mode}: each place once\n{result.describe()}")


def test_rss(weir):
    megabytes, all_blocks = (200, b"2098 2098 of 2098\n") if harness.ALL else (100, b"1049 1049 of 1049\n")
    for mode in ("mode=pass", "mode=leak") if harness.ALL else ("mode=leak",):
        result = start(weir, "touches.c", str(megabytes), limit="rss<=64M", options=mode)
        first, second = (int(n) for n in result.stdout.split()[:2])
        check(400 < first < 680 and second > 400, f"{mode}: blocks under 64 MiB\n{result.describe()}")
        # What the routes keep for a while goes back first.
        result = start(weir, "touches.c", "100", "20000", limit="rss<=64M", options=mode,
                       env={"WEIR_ROUTES": "* -> pool"})
        check(int(result.stdout.split()[1]) > 2000, f"{mode}: blocks of a pool once more\n{result.describe()}")
        result = start(weir, "touches.c", str(megabytes), limit="rss<=512M", options=mode)
        equal((result.stdout, result.stderr), (all_blocks, b""), f"{mode}: enough memory")
        result = start(weir, "touches.c", str(megabytes), limit="rss<=64M -> report", options=mode)
        equal(result.stdout, all_blocks, f"{mode}: a report goes on")
        reports = result.stderr.count(b"WARNING: weir: limit 'rss<=64M -> report'")
        check(1 <= reports <= 2, f"{mode}: {reports} reports\n{result.describe()}")


def test_report(weir):
    for mode in ("mode=leak", "mode=guard"):
        result = holds(weir, "module=holds live<=100000 -> report; module=holds live<=10M",
                       [("M1000*30", "30 errno 0"), ("m1000*71", "71 errno 0"), ("m1000*50", "50 errno 0"),
                        ("f56", None), ("m1000*40", "40 errno 0"),     # not an eighth below: silent
                        ("f*", None), ("m1000*101", "101 errno 0")], mode)
        text = result.stderr.decode()
        equal(len(re.findall(r"^==\d+==WARNING: weir: limit 'module=holds live<=100000 -> report' exceeded: malloc of "
                             r"1000 byte\(s\) with 100000 byte\(s\) live$", text, re.M)), 2, f"{mode}: reports\n{text}")
        first = text.split("SUMMARY")[0]
        check(re.search(r"^in thread T1.*:\n    #0 0x\w+ in hold .*holds\.c:\d+.*\n    #1 0x\w+ in fill ", first, re.M),
              f"{mode}: the request's stack\n{first}")
        held = re.findall(r"^(\d+) byte\(s\) in (\d+) block\(s\) allocated from:\n    #0 0x\w+ in (\w+) ", first, re.M)
        equal(held, [("70000", "70", "hold"), ("30000", "30", "keep")], f"{mode}: who holds what\n{first}")
        check("100000 byte(s) in 100 block(s) are held, allocated from 2 place(s):" in first, f"{mode}: sum\n{first}")
        check(re.search(r"^SUMMARY: weir: limit '.*' exceeded, 70000 byte\(s\) are held by hold .*holds\.c:\d+$", text,
                        re.M), f"{mode}: summary\n{text}")


def test_report_without_headers(weir):
    result = holds(weir, "caller=hold live<=100000 -> report", [("m1000*150", "150 errno 0")], "mode=pass")
    check(re.fullmatch(r"==\d+==WARNING: weir: limit 'caller=hold live<=100000 -> report': malloc of 1000 byte\(s\) in "
                       r"holds\+0x\w+ with 100000 byte\(s\) live \(mode=leak and mode=guard also say who holds how much"
                       r"\)\n", result.stderr.decode()), f"the line\n{result.describe()}")


def test_report_to_file(weir):
    log = weir.path("limit.log")
    holds(weir, "caller=hold live<=100000 -> report", [("m1000*150", "150 errno 0")], f"mode=leak:log_path={log}",
          stderr="")
    with open(log, encoding="utf-8") as file:
        check("exceeded: malloc of 1000 byte(s)" in file.read(), "the report is in log_path")


def test_abort(weir):
    for mode in modes():
        result = start(weir, "holds.c", "m1000*200", limit="caller=hold live<=100000 -> abort", options=mode)
        equal(result.status, -signal.SIGABRT, f"{mode}: how it ends\n{result.describe()}")
        text = result.stderr.decode()
        if "log_path" not in mode:
            check(re.search(r"^==\d+==ERROR: weir: limit 'caller=hold live<=100000 -> abort'", text, re.M),
                  f"{mode}: the report\n{text}")
        if mode in ("mode=leak", "mode=guard"):
            check("\nSUMMARY: weir: limit " in text, f"{mode}: the report is whole\n{text}")


def test_several_limits(weir):
    for mode in modes():
        holds(weir, "caller=hold live<=50000; caller=keep live<=20000; module=holds live<=60000",
              [("m1000*100", "50 errno 12"), ("M1000*100", "10 errno 12"), ("f15", None), ("M1000*100", "15 errno 12"),
               ("f*", None), ("M1000*100", "20 errno 12"), ("m1000*100", "40 errno 12")], mode)


def test_the_heap_keeps_its_rules(weir):
    """The programs of interpose/, whose expectations are libc's own, with everything on that counts or logs."""
    programs = ["alignment.c", "atfork.c", "calloc_zeroes.c", "errno.c", "fork_storm.c",
                "in_handlers.c", "operators.cpp", "posix_memalign.c",
                "realloc_keeps.c", "remote_free.c", "thread_end.c", "thread_local.cpp",
                "usable_size.c", "zero_sizes.c", "new_fails.cpp"]
    if harness.ALL:
        programs.append("many_threads.c")
    for mode in ("mode=leak", "mode=pass", "mode=guard")[:3 if harness.ALL else 1]:
        log = weir.path("rules.log")
        options = f"{QUIET}:{mode}:limit='live<=1000G; module=none live<=1':log=*:log_file={log}:log_bytes=4M"
        for name in programs:
            path = weir.build(f"interpose/{name}", ["-O2", "-pthread", *header_flags(name)])
            result = weir.run([path], options)
            equal((result.status, result.stderr), (0, b""), f"{mode}: {name}\n{result.describe()}")


def header_flags(name):
    """What a program of interpose/ asks to be compiled with."""
    with open(f"{harness.HERE}/interpose/{name}", encoding="utf-8") as text:
        return [flag for line in text if line.startswith("//: flags") for flag in line.split()[2:]]


def test_mistakes(weir):
    cases = {
        "liv<=3": "'liv' is no limit or condition; the nearest is 'live', at 'liv' in 'liv<=3'",
        "live<=3 -> repot": "'repot' is no action; the nearest is 'report', at 'repot' in 'live<=3 -> repot'",
        "size>=1K": "what is limited is missing: live<=SIZE, request<=SIZE or rss<=SIZE, at the end of 'size>=1K'",
        "live<5": "'live' needs <= and a size, as in live<=64M, at 'live<' in 'live<5'",
        "live<=foo": "'foo' is no size that fits: 0 to 131072G, as in 100, 4K or 64M, at 'foo' in 'live<=foo'",
        "live<=1 rss<=1": "a limit has one of live, request and rss; ';' begins another limit, at 'rss' in "
                          "'live<=1 rss<=1'",
        "live<=1 ->": "an action is missing: fail, report or abort, at the end of 'live<=1 ->'",
        "sise>=4 live<=1": "'sise' is no limit or condition; the nearest is 'size', at 'sise' in 'sise>=4 live<=1'",
    }
    for text, message in cases.items():
        result = holds(weir, f"{text}; caller=hold live<=5000", [("m1000*20", "5 errno 12")])
        lines = result.stderr.decode().splitlines()
        equal(lines[0], f"weir: limit: {message}; this limit is left out", "the line")
        equal(len(lines), 2, f"one line each, and that of the other limit\n{result.describe()}")
    result = start(weir, "holds.c", "m1", limit="liv<=3", options="strict=1")
    equal((result.status, result.stdout), (2, b""), "strict=1")


harness.main(globals())
