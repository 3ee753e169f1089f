"""What lies under the names that a program puts on what it allocates (weir_tag_push)."""

import harness
from harness import check, equal

FLAGS = ["-O1", "-pthread", f"-I{harness.HERE}/../../shim"]


def start(weir, mode, options="", **more):
    program = weir.build("scenarios/programs/tags.c", FLAGS)
    return weir.run([program, mode], options, **more)


def tagged(report):
    """What was lost: (tag, bytes) of each leak."""
    return sorted((leak.tag, leak.bytes) for leak in report.leaks if leak.kind != "reachable")


def only_report(result):
    equal((len(result.reports), result.stdout), (1, b""), f"reports and output\n{result.describe()}")
    return result.reports[0]


def test_leaks_and_totals(weir):
    for mode in ("mode=leak", "mode=guard:leak_check_at_exit=1", "mode=guard:guard=page"):
        result = start(weir, "leaks", mode)
        report = only_report(result)
        equal(tagged(report), [("", 10), ("physics", 20), ("sound", 40)], f"{mode}: what was lost")
        text = result.stderr.decode()
        check("Direct leak of 20 byte(s) in 1 object(s) allocated with tag 'physics' from:\n    #0 " in text, text)
        check("\nLive by tag:\n   lost bytes  in blocks   reachable  in blocks  tag\n"
              "           20          1        1000          1  physics\n"
              "           40          1          60          1  sound\n" in text, text)
        equal(report.document["tags"], [
            {"tag": "physics", "direct": {"bytes": 20, "blocks": 1}, "indirect": {"bytes": 0, "blocks": 0},
             "reachable": {"bytes": 1000, "blocks": 1}},
            {"tag": "sound", "direct": {"bytes": 40, "blocks": 1}, "indirect": {"bytes": 0, "blocks": 0},
             "reachable": {"bytes": 60, "blocks": 1}}], f"{mode}: totals")


def test_nesting_and_names(weir):
    result = start(weir, "nests")
    # Pushes beyond the 32nd leave the tag; names are cut at 63 bytes, and shown as one line.
    equal(tagged(only_report(result)), [("", 12), ("", 13), ("bell\a", 16), ("odd", 11), ("outer", 14), ("x" * 63, 15)],
          "what was lost")
    check(b"with tag 'bell\\x07'" in result.stderr or b"bell\\u0007" in result.stderr, result.describe())


def test_threads(weir):
    equal(tagged(only_report(start(weir, "threads"))), [("", 22), ("main", 23), ("one", 42), ("three", 21), ("two", 21)],
          "what was lost")


def test_child(weir):
    result = start(weir, "forks")
    child = [report for report in result.reports if report.pid != result.pid]
    equal([tagged(report) for report in child], [[("child", 32), ("parent", 31)]], result.describe())


def test_many_names(weir):
    equal(tagged(only_report(start(weir, "many"))), [("", 50), ("tag 0", 50), ("tag 1022", 50)], "what was lost")


def test_in_signal_handlers(weir):
    equal(tagged(only_report(start(weir, "handler"))), [("after", 41)], "what was lost")


def test_incident(weir):
    result = start(weir, "overruns", "mode=guard:on_error=continue")
    check(b"with tag 'sound'" in result.stderr, result.describe())


def test_rules_have_tags(weir):
    """Blocks of the parent and of routes; what the program says itself counts first."""
    for mode in ("mode=leak", "mode=guard", "mode=guard:guard=page"):
        for target in ("parent", "pool") if "page" not in mode else ("parent",):
            rules = f"module=libc.so* -> parent(tag=libc); size=10 -> {target}(tag=small); call=realloc -> parent(tag=grown)"
            result = start(weir, "leaks", mode + ":leak_check_at_exit=1", env={"WEIR_ROUTES": rules})
            report = only_report(result)
            equal(tagged(report), [("physics", 20), ("small", 10), ("sound", 40)], f"{mode}, {target}: what was lost")
            grown = [entry["reachable"]["bytes"] for entry in report.document["tags"] if entry["tag"] == "grown"]
            equal(grown, [50000], f"{mode}, {target}: the block that realloc moved")
    result = start(weir, "threads", env={"WEIR_ROUTES": "size=22 -> parent(tag=threads)"})
    check(("threads", 22) in tagged(only_report(result)), result.describe())


def test_without_tracking(weir):
    for options, preload in (("mode=pass", True), ("", False)):
        result = start(weir, "leaks", options, preload=preload)
        equal((result.status, result.stdout, result.stderr), (0, b"", b""), options)


harness.main(globals())
