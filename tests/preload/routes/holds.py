"""Which route serves a call, seen from the program: a rule's buffer that is too small answers null, or ends it."""

import re
import signal

import harness
from harness import check, equal
from rule_sets import RULE_SETS, RoutedWeir

MODES = ("pass", "leak")
REFUSES = "fixed(capacity=4K, full=null)"
C_CALLS = "malloc calloc realloc memalign aligned_alloc posix_memalign"
OPERATORS = "new new[] aligned_new aligned_new[]"


def under(weir, rules, mode):
    return RoutedWeir(weir.library, weir.tool, weir.cache, rules, mode)


def run(weir, rules, mode, source, *arguments, options=""):
    built = weir.build(f"routes/programs/{source}", ["-O1", "-pthread", f"-I{harness.HERE}/../../shim"])
    return under(weir, rules, mode).run([built, *map(str, arguments)], options, preload=rules is not None)


def expect(weir, rules, mode, source, *arguments, stdout=""):
    result = run(weir, rules, mode, source, *arguments)
    equal((result.status, result.stdout.decode(), result.stderr.decode()), (0, stdout, ""),
          f"{rules} in {mode}: status, output, standard error")


def expect_refused(weir, condition, refused, *arguments):
    for mode in MODES:
        expect(weir, f"{condition} -> {REFUSES}; * -> parent", mode, "asks.cpp", *arguments, stdout=refused + "\n")


def test_calls(weir):
    expect(weir, None, "native", "asks.cpp", stdout="\n")
    all_calls = f"{C_CALLS} {OPERATORS}"
    expect_refused(weir, "size>=8000 size<=9000", all_calls)
    expect_refused(weir, "size=8192", all_calls)
    expect_refused(weir, "size=8193", "")
    aligned = "memalign aligned_alloc posix_memalign"
    for call, refused in (("malloc", "malloc"), ("calloc", "calloc"), ("realloc", "realloc"), ("memalign", aligned),
                          ("new", "new aligned_new"), ("new[]", "new[] aligned_new[]"), ("new*", OPERATORS),
                          ("malloc|calloc|realloc|memalign", C_CALLS)):
        expect_refused(weir, f"size>=8000 call={call}", refused)


def test_sizes_and_alignments(weir):
    refused = "memalign aligned_alloc posix_memalign aligned_new aligned_new[]"
    for condition in ("align>=128", "align=4096", "size>=8000 align<=4096 align>=64"):
        expect_refused(weir, condition, refused, 8192, 4096)
    expect_refused(weir, "align>=128", "", 8192, 64)


def test_first_match_wins(weir):
    rules = f"size=8192 -> parent; size>=8000 size<=9000 -> {REFUSES}; * -> pool"
    for mode in MODES:
        expect(weir, rules, mode, "asks.cpp", 8192, stdout="\n")
        expect(weir, rules, mode, "asks.cpp", 8200, stdout=f"{C_CALLS} {OPERATORS}\n")


def test_rules_in_a_file(weir):
    path = weir.write("routes", f"# a comment\nsize=8192 -> {REFUSES}\n\n* -> pool  # the rest\n")
    for mode in MODES:
        expect(weir, f"@{path}", mode, "asks.cpp", stdout=f"{C_CALLS} {OPERATORS}\n")


def test_a_mistake_costs_its_rule(weir):
    rules = f"size<=100 -> pol; size=8192 -> {REFUSES}"
    for mode in MODES:
        result = run(weir, rules, mode, "asks.cpp")
        equal((result.status, result.stdout.decode()), (0, f"{C_CALLS} {OPERATORS}\n"), "status and output")
        lines = result.stderr.decode().splitlines()
        equal(len(lines), 3, f"lines of {lines}")
        check(re.match(r"weir: WEIR_ROUTES: .*'pool'.*; this rule is left out$", lines[0]) is not None, lines[0])
        equal(lines[2].index("^"), lines[1].index("pol"), f"place of the caret in {lines}")
        result = run(weir, rules, mode, "asks.cpp", options="strict=1")
        equal((result.status, result.stdout), (2, b""), "strict=1: status and output")


def test_thread_names(weir):
    expect(weir, None, "native", "thread_names.c", 0)
    for mode in MODES:
        expect(weir, "", mode, "thread_names.c", 0)
        expect(weir, f"thread=full* size>=100K -> {REFUSES}; * -> pool", mode, "thread_names.c", 1)
        expect(weir, "thread=full-* -> arena(capacity=512K, full=null); * -> pool", mode, "thread_names.c", 1)


def test_full_is_null(weir):
    for shared in ("", ", shared"):
        for mode in MODES:
            expect(weir, f"size>=4000 size<=8000 -> fixed(capacity=256K, full=null{shared}); * -> parent", mode, "full.cpp",
                   "fixed")
    for mode in MODES:
        for target in ("pool", "arena"):
            rules = f"size>=4000 size<=8000 -> {target}(capacity=256K, full=null); * -> parent"
            expect(weir, rules, mode, "full.cpp", target)


def test_full_aborts(weir):
    for mode in MODES:
        result = run(weir, "small: size=4000 -> fixed(capacity=256K, full=abort)", mode, "full.cpp", "abort")
        equal(result.status, -signal.SIGABRT, "status")
        text = result.stderr.decode()
        check(re.fullmatch(r"weir: [^\n]*\bsmall\b[^\n]*\n", text) is not None, f"not one line that names the route: {text!r}")


def test_full_goes_to_the_parent(weir):
    for mode in MODES:
        expect(weir, "size>=8000 -> fixed(capacity=4K); * -> pool", mode, "asks.cpp", stdout="\n")


def test_scopes(weir):
    expect(weir, None, "native", "scopes.c", 0)
    for mode in MODES:
        for rules in ("", "* -> pool", "one: size=70 -> arena(shared)"):
            expect(weir, rules, mode, "scopes.c", 0)
        expect(weir, "requests: size<=2M call=malloc|realloc -> arena; * -> parent", mode, "scopes.c", 1)


PERL = """
my %seen; $seen{$_ % 5000} .= "text $_ " for 1 .. 200000; my $all = join ",", map { $seen{$_} } sort keys %seen;
%seen = (); my @rows = map { { id => $_, name => "row $_" x 3 } } 1 .. 40000; print length $all, " ", scalar @rows, "\\n";
"""


def test_parameters(weir):
    def memory(rules, *arguments):
        result = run(weir, rules, "pass", "parameters.c", *arguments)
        equal((result.status, result.stderr), (0, b""), rules)
        return tuple(map(int, result.stdout.split()))

    def expect(rules, huge, least, most, *arguments):
        resident, asked = memory(rules, *arguments)
        check(least <= resident <= most and asked == huge, f"{rules}: {resident} MiB resident, huge pages {asked}")

    for target in ("pool", "arena"):
        expect(f"size=1024 -> {target}", 0, 0, 16)
        expect(f"size=1024 -> {target}(retain=64M)", 0, 28, 64)
    expect("size=1024 -> fixed(capacity=48M, shared)", 0, 0, 16, "once")
    expect("size=1024 -> fixed(capacity=48M, shared, prefault)", 0, 48, 64, "once")
    for target in ("pool(huge)", "arena(chunk=4M, huge)", "fixed(capacity=4M, shared, huge)", "page(huge)"):
        expect(f"size=1024 -> {target}", 1, 0, 64, "once")


def test_spans_go_back(weir):
    for rules in ("* -> page", "* -> arena"):
        for options, status, ignored in (("", -signal.SIGABRT, ""),
                                         ("on_error=continue", 0, ": ignored, this and later ones")):
            result = run(weir, rules, "pass", "spans_go_back.c", "twice", options=options)
            said = re.sub("0x[0-9a-f]+", "X", result.stderr.decode())
            equal((result.status, said), (status, f"weir: free of X, which is no live block{ignored}\n"),
                  f"{rules}: freed twice {options}")
        expect(weir, rules, "pass", "spans_go_back.c", "locked")
    for mode in MODES:
        result = run(weir, "* -> pool", mode, "spans_go_back.c", "late", options="leak_check_at_exit=0")
        equal((result.status, result.stderr.decode()), (0, ""), f"late threads in {mode}")


def test_buffer_in_a_file(weir):
    path = weir.write("buffer", "")
    for mode in MODES:
        rules = f"* -> fixed(capacity=1M, shared, file={path})"
        expect_lines(weir, rules, mode, path, "in the file\n", "")
        nowhere = "/nonexistent/buffer"
        expect_lines(weir, f"* -> fixed(capacity=1M, shared, file={nowhere})", mode, nowhere, "not in the file\n",
                     f"weir: WEIR_ROUTES: file={nowhere}: open failed with error 2; the buffer stays in memory\n")


def expect_lines(weir, rules, mode, path, stdout, stderr):
    result = run(weir, rules, mode, "file_buffer.c", path, options="leak_check_at_exit=0")
    equal((result.status, result.stdout.decode(), result.stderr.decode()), (0, stdout, stderr), f"{rules} in {mode}")


def test_small_address_space(weir):
    limited = ["/bin/sh", "-c", "ulimit -v 200000 && exec perl script.pl"]
    weir.write("script.pl", PERL)
    expected = weir.run(limited, preload=False, cwd=weir.directory)
    equal(expected.status, 0, "status natively")
    for mode in MODES:
        for name in ("pool", "arena", "fixed", "operators"):
            routed = under(weir, RULE_SETS[name], mode)
            result = routed.run(limited, "exitcode=0:leak_check_at_exit=0", cwd=weir.directory)
            equal((result.status, result.stdout, result.stderr), (0, expected.stdout, b""), f"{name} in {mode}")


harness.main(globals())
