"""What follows a report: on_error, the options around it, and leaks: on_error.py LIBRARY TOOL CACHE [PATTERN]"""

import os
import re

import harness
from guard_case import ABORTED, Case, build, check_silent, findings_of, line_matches, main, run, with_result
from harness import check, equal

OWN_STATUS = 5
OVERRUN = "heap-buffer-overflow: 1 byte(s) damaged at offset 13 of a block of 13 byte(s), found by free"
# What goes wrong, the first lines of the reports, and how often; "fine" goes along to show that it does not count.
SURVIVED = [
    ("overrun 1000", [OVERRUN], 1000),
    ("overrun 10 fine 10 elsewhere 20", [OVERRUN, OVERRUN], 30),
    ("twice 50", ["double-free: free of a freed block of 40 byte(s)"], 50),
    ("inside 50", ["bad-free: free of <address>, which is inside a block of 40 byte(s) at offset 8"], 50),
    ("stack 50", ["bad-free: free of <address>, which is on the stack"], 50),
    ("late 3", ["heap-use-after-free: 1 byte(s) written at offset 3 of a freed block of 40 byte(s), found when it left the "
                "quarantine"], 3),
    ("kept 7", ["heap-buffer-underflow: 1 byte(s) damaged at offset -1 of a block of 40 byte(s), found by the check at exit"], 7),
    ("regrown 5", ["heap-buffer-overflow: 2 byte(s) damaged at offset 40 of a block of 40 byte(s), found by realloc"], 5),
    ("inside_realloc 5", ["bad-free: realloc of <address>, which is inside a block of 40 byte(s) at offset 8"], 5),
    ("reused 2", [OVERRUN], 2),
    ("together 100", [OVERRUN], 400),
    ("apart 50", [OVERRUN, "double-free: free of a freed block of 40 byte(s)",
                  "bad-free: free of <address>, which is on the stack",
                  "bad-free: free of <address>, which is inside a block of 40 byte(s) at offset 8"], 200),
    ("overrun 2 twice 2 stack 2", [OVERRUN, "double-free: free of a freed block of 40 byte(s)",
                                  "bad-free: free of <address>, which is on the stack"], 6),
]


def go_on(weir, args, options="", status=OWN_STATUS):
    result = run(weir, Case("", "goes_on.c", args, ""), args, options=options)
    with_result(result, equal, result.status, status, f"exit status of '{args}' with {options!r}")
    return result


def check_survived(args, options, lines, errors, result):
    found, rest = findings_of(result.stderr.decode(errors="replace"))
    got = [finding.line for finding in found]
    as_wanted = len(got) == len(lines) and all(any(line_matches(line, each) for each in got) for line in lines)
    check(as_wanted, f"'{args}' with {options!r}: reported {got}")
    equal(rest, [f"SUMMARY: weir: {errors} error(s), {len(lines)} reported"], f"other lines, '{args}' with {options!r}")
    for finding in found:
        check("stack" in finding.line or finding.stacks["allocated"][:1] == ["make"], f"no stack of the block in {finding.line}")


def test_continue(weir):
    """With a quarantine and, where it is no part of the fault, without one; by turns, if not everything is asked for."""
    for number, (args, lines, errors) in enumerate(SURVIVED):
        both = ["", ":quarantine_bytes=0"] if "late" not in args and "twice" not in args else [""]
        for more in both if harness.ALL else both[number % len(both):][:1]:
            options = "on_error=continue" + more
            result = go_on(weir, args, options)
            with_result(result, lambda: check_survived(args, options, lines, errors, result))


def test_continue_without_an_error(weir):
    result = go_on(weir, "fine 100", "on_error=continue")
    with_result(result, check_silent, result, OWN_STATUS)


def test_first_error_ends(weir):
    for options, status in (("", ABORTED), ("on_error=abort", ABORTED), ("on_error=abort:exitcode=7", ABORTED),
                            ("on_error=exit", 23), ("on_error=exit:exitcode=7", 7)):
        result = go_on(weir, "overrun 2 stack 2", options, status)
        found, rest = findings_of(result.stderr.decode())
        with_result(result, equal, ([finding.line for finding in found], rest), ([OVERRUN], []), f"reports with {options!r}")


def test_threads_that_fail_together(weir):
    """The report of the first is whole, whatever the others do; what else is reported is whole too."""
    for options, status in (("", ABORTED), ("on_error=exit", 23)):
        for _ in range(5):
            result = go_on(weir, "apart 3", options, status)
            found, rest = with_result(result, findings_of, result.stderr.decode())
            with_result(result, check, found and rest == [], f"no report, or lines beside those of reports: {rest}")
            with_result(result, check, all("drop" in finding.stacks["now"] for finding in found), "a report lacks its stack")


def test_own_handler(weir):
    result = go_on(weir, "handle_abort 1 overrun 1", "", 9)
    found, rest = findings_of(result.stderr.decode())
    with_result(result, equal, ([finding.line for finding in found], rest),
                ([OVERRUN], ["SUMMARY: weir: 1 error(s), 1 reported"]), "reports")
    with_result(result, equal, result.stdout, b"handled\n", "the handler's output")


def test_at_exit(weir):
    for options, status in (("", ABORTED), ("on_error=exit", 23), ("on_error=continue", OWN_STATUS)):
        result = go_on(weir, "at_exit 1", options, status)
        found, _ = findings_of(result.stderr.decode())
        with_result(result, equal, [finding.line for finding in found], [OVERRUN], f"reports with {options!r}")
        with_result(result, check, "overrun_at_exit" in found[0].stacks["now"], "the handler is in no stack")


def test_started_by_the_tool(weir):
    program, _ = build(weir, "goes_on.c")
    for arguments, status in ((["overrun", "1"], ABORTED), (["fine", "1"], OWN_STATUS)):
        result = weir.run([weir.tool, "run", "--guard", "--", program, *arguments], preload=False)
        with_result(result, equal, result.status, status, f"status of {arguments}")
        found, rest = findings_of(result.stderr.decode())
        lines = [OVERRUN] if status == ABORTED else []
        with_result(result, equal, ([finding.line for finding in found], rest), (lines, []), "reports")


def test_leaks(weir):
    """The leaks of a program without errors, and those beside errors that it survived."""
    for args, options in (("lose 2", ""), ("overrun 3 lose 2", "on_error=continue")):
        result = go_on(weir, args, options, status=23)
        text = result.stderr.decode()
        with_result(result, check, "Direct leak of 140 byte(s) in 2 object(s) allocated from:" in text, "the leak is not told")
        with_result(result, check, "SUMMARY: weir: 140 byte(s) leaked in 2 allocation(s)." in text, "the sum is not told")
        with_result(result, check, re.search(r"in make .*\n.* in lose ", text), "its stack is not told")
        with_result(result, equal, "SUMMARY: weir: 3 error(s), 1 reported" in text, bool(options), "the errors' sum is there")


def test_stacks(weir):
    for stacks, allocated, freed in (("both", True, True), ("alloc", True, False), ("none", False, False)):
        result = go_on(weir, "twice 1", f"stacks={stacks}", ABORTED)
        found, rest = with_result(result, findings_of, result.stderr.decode())
        with_result(result, equal, ([finding.line for finding in found], rest),
                    (["double-free: free of a freed block of 40 byte(s)"], []), "reports")
        with_result(result, equal, (bool(found[0].stacks["allocated"]), bool(found[0].stacks["freed"])), (allocated, freed),
                    f"stacks of the allocation and of the free with stacks={stacks}")
        with_result(result, equal, found[0].stacks["now"][:2], ["drop", "go_wrong"], "the call's stack")


def test_checks_are_left_out(weir):
    for args, options in (("kept 1", "check_at_exit=0"), ("late 1", "quarantine_bytes=0"), ("late 1", "quarantine_blocks=0"),
                          ("late 1", "max_free_fill_size=0")):
        result = go_on(weir, args, options)
        with_result(result, check_silent, result, OWN_STATUS)


def test_quarantine_is_bounded(weir):
    """A write is found as soon as the blocks behind it push its block out: with few held back, before the end."""
    for options, found_by in (("quarantine_blocks=16", "when it left the quarantine"), ("quarantine_bytes=4K", "when it left the quarantine"),
                              ("quarantine_blocks=1M:quarantine_bytes=1G", "by the check at exit")):
        result = go_on(weir, "late 1", options, ABORTED)
        with_result(result, check, f"offset 3 of a freed block of 40 byte(s), found {found_by}\n" in result.stderr.decode(), options)


def test_log_path(weir):
    log = os.path.join(weir.fresh_directory(), "log.%p")
    result = go_on(weir, "overrun 1", f"log_path={log}", ABORTED)
    with_result(result, equal, result.stderr, b"", "standard error")
    with open(log.replace("%p", str(result.pid)), encoding="utf-8") as text:
        found, rest = findings_of(text.read())
    with_result(result, equal, ([finding.line for finding in found], rest), ([OVERRUN], []), "the log's reports")


def test_neighbourhood(weir):
    """The dump shows the damaged byte and what is in the block; lines fit a terminal."""
    result = go_on(weir, "overrun 1", "", ABORTED)
    finding = with_result(result, findings_of, result.stderr.decode())[0][0]
    with_result(result, check, any("[" in line and "]" in line for line in finding.other), f"no byte is marked: {finding.other}")
    with_result(result, check, all(len(line) <= 80 for line in finding.other), f"lines of more than 80 columns: {finding.other}")


def test_a_layout_needs_the_mode(weir):
    text = go_on(weir, "fine 1", "mode=leak:guard=page").stderr.decode()
    equal(text, "weir: option 'guard' counts with mode=guard alone; ignored\n", "standard error")


def test_bad_values(weir):
    for setting, allowed in (("guard=pages", "canary|page|page-front"), ("on_error=stop", "abort|exit|continue"),
                             ("stacks=some", "both|alloc|none"), ("quarantine_bytes=-1", "0 to"), ("quarantine_bytes=2X", "0 to"),
                             ("quarantine_large_bytes=1.5M", "0 to"),
                             ("quarantine_blocks=16777217", "0 to 16777216"), ("max_free_fill_size=-1", "0 to"),
                             ("free_fill_byte=256", "0 to 255"), ("max_malloc_fill_size=x", "0 to"),
                             ("malloc_fill_byte=-1", "0 to 255"), ("check_every=-1", "0 to 1000000000"),
                             ("check_period_ms=86400001", "0 to 86400000"), ("check_at_exit=2", "0 or 1"),
                             ("alloc_dealloc_mismatch=2", "0 or 1"), ("new_delete_type_mismatch=2", "0 or 1"),
                             ("report_huge=2", "0 or 1"), ("report_zero=2", "0 or 1"), ("report_alignment=2", "0 or 1"),
                             ("guard_every=0", "1 to 1000000000"), ("guard_mappings=15", "16 to 1073741824")):
        text = go_on(weir, "fine 1", setting).stderr.decode()
        name, value = setting.split("=", 1)
        check(len(text.splitlines()) == 1 and text.startswith("weir: "), f"not one line with {setting}: {text!r}")
        check(name in text and value in text and allowed in text, f"with {setting}: {text!r}")


main([], *(function for name, function in list(globals().items()) if name.startswith("test_")))
