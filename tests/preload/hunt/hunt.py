"""`weir hunt`: what no layout sees alone, each bug once, and programs that end badly or not at all."""

import json
import os
import re

import harness
from harness import check, equal

PAGES = {"page", "page-front", "freed"}
ALL = {"canary"} | PAGES


def bugs(weir):
    return weir.build("hunt/programs/bugs.c", ["-O1"])


def hunt(weir, *arguments, **more):
    """The result, and the report as JSON."""
    file = os.path.join(weir.fresh_directory(), "hunt.json")
    result = weir.run([weir.tool, "hunt", "--json", file, *arguments], preload=False, **more)
    check(os.path.exists(file), f"no report\n{result.describe()}")
    with open(file, encoding="utf-8") as report:
        return result, json.load(report)


def found(report):
    """{message: layouts that saw it}"""
    messages = [error["message"] for error in report["errors"]]
    equal(len(set(messages)), len(messages), f"distinct messages of {messages}")
    return {error["message"]: {seen["layout"] for seen in error["seen"]} for error in report["errors"]}


def test_no_bug(weir):
    result, report = hunt(weir, "--", bugs(weir))
    equal((result.status, report["errors"]), (0, []), "status and errors")
    equal([run["layout"] for run in report["runs"]], ["canary", "page", "page-front", "freed"], "layouts")
    equal({run["ended"] for run in report["runs"]}, {"status 5"}, "ends")
    check(result.stderr.endswith(b"\nSUMMARY: weir: 0 error(s) found in 4 run(s)\n"), result.describe())


def test_a_write_is_one_bug_and_told_by_who_saw_it_happen(weir):
    result, report = hunt(weir, "--", bugs(weir), "write-behind")
    equal(result.status, 1, "status")
    equal([error["message"] for error in report["errors"]],
          ["heap-buffer-overflow: write at offset 16 of a block of 16 byte(s)"], "errors")
    layouts = found(report).popitem()[1]
    check({"canary", "page", "freed"} <= layouts, f"seen by {layouts} only")
    names = [harness.plain_name(frame) for frame in report["errors"][0]["stacks"]["now"]["frames"]]
    equal(names[:3], ["write_to", "commit", "main"], "who wrote")


def test_reads_are_seen_by_pages_alone(weir):
    _, report = hunt(weir, "--", bugs(weir), "read-behind", "read-before", "read-freed")
    equal(found(report), {
        "heap-buffer-overflow: read at offset 16 of a block of 16 byte(s)": {"page", "freed"},
        "heap-buffer-underflow: read at offset -1 of a block of 16 byte(s)": {"page-front"},
        "heap-use-after-free: read at offset 3 of a freed block of 16 byte(s)": PAGES,
    }, "errors")


def test_all_layouts_see_a_double_free(weir):
    result, report = hunt(weir, "--", bugs(weir), "double-free")
    equal(found(report), {"double-free: free of a freed block of 16 byte(s)": ALL}, "errors")
    check(b"\nseen by: canary, page, page-front, freed\n" in result.stderr, result.describe())


def test_the_text_has_each_bug_once(weir):
    faults = ["write-behind", "read-behind", "read-before", "write-freed", "read-freed", "double-free"]
    result, report = hunt(weir, "--", bugs(weir), *faults)
    text = result.stderr.decode()
    lines = re.findall(r"^==\d+==ERROR: weir: (.*)$", text, re.M)
    equal(lines, [error["message"] for error in report["errors"]], "first lines")
    equal(len(lines), len(faults), f"errors in {lines}")
    check(text.endswith(f"\nSUMMARY: weir: {len(faults)} error(s) found in 4 run(s)\n"), text)


def test_chosen_layouts_and_status(weir):
    result, report = hunt(weir, "--layouts", "page-front,canary", "--exitcode", "42", "--", bugs(weir), "double-free")
    equal(result.status, 42, "status")
    equal([run["layout"] for run in report["runs"]], ["canary", "page-front"], "layouts")


def test_output_is_the_first_runs(weir):
    result, _ = hunt(weir, "--", bugs(weir))
    equal(result.stdout, b"begun\n", "stdout")
    result, _ = hunt(weir, "--all-output", "--", bugs(weir))
    equal(result.stdout, 4 * b"begun\n", "stdout of all runs")


def test_every_run_has_the_input(weir):
    result, _ = hunt(weir, "--all-output", "--", "cat", stdin=b"words\n")
    equal(result.stdout, 4 * b"words\n", "stdout")


def test_log_file(weir):
    log = os.path.join(weir.fresh_directory(), "log")
    result, _ = hunt(weir, "--log", log, "--", bugs(weir), "double-free")
    equal(result.stderr, b"", "stderr")
    with open(log, encoding="utf-8") as file:
        check("SUMMARY: weir: 1 error(s) found in 4 run(s)" in file.read(), "the log holds no report")


def test_a_program_that_does_not_end(weir):
    script = f"{bugs(weir)} double-free; sleep 50"
    result, report = hunt(weir, "--timeout", "1", "--layouts", "canary,page", "--", "sh", "-c", script)
    equal(result.status, 1, "status")
    equal({run["ended"] for run in report["runs"]}, {"stopped: time limit"}, "ends")
    equal(len(report["errors"]), 1, "errors")
    result, _ = hunt(weir, "--timeout", "1", "--layouts", "canary", "--", "sleep", "50")
    equal(result.status, 3, "status without errors")


def test_a_program_that_crashes(weir):
    result, report = hunt(weir, "--layouts", "canary", "--", "sh", "-c", "kill -SEGV $$")
    equal((result.status, report["runs"][0]["ended"]), (3, "SIGSEGV"), "status and end")


def test_a_program_that_cannot_be_run(weir):
    for program, status in (("/nonexistent/program", 127), (weir.write("data", "text"), 126)):
        result = weir.run([weir.tool, "hunt", "--", program], preload=False)
        equal(result.status, status, f"status for {program}")
        equal(len(result.stderr.splitlines()), 1, "lines")


def test_nothing_is_left_behind(weir):
    directory = weir.fresh_directory()
    hunt(weir, "--", bugs(weir), "double-free", env={"TMPDIR": directory})
    equal(os.listdir(directory), [], "files")


harness.main(globals())
