"""Suppressions in LeakSanitizer's syntax: by function, source file and module; what matched is told, and what not."""

import harness
from harness import check, equal


def run(weir, rules, *arguments, options="", status=None):
    path = weir.write("rules", rules)
    program = weir.build("scenarios/programs/loses.c", ["-O0"])
    result = weir.run([program, *arguments], ":".join(filter(None, [f"suppressions={path}", options])))
    if status is not None:
        check(result.status == status, f"with {rules!r}: status {result.status}, wanted {status}\n{result.describe()}")
    return result


def test_by_function(weir):
    run(weir, "leak:lose_odd\n", "3x41", status=0)
    result = run(weir, "leak:lose_odd\n", "3x41", "1x100", status=23)
    check("100 byte(s) leaked in 1 allocation(s)" in result.stderr.decode(), f"counted\n{result.describe()}")


def test_by_outer_frame(weir):
    run(weir, "leak:main\n", "3x41", "1x100", status=0)


def test_by_file(weir):
    run(weir, "leak:programs/loses.c\n", "3x41", status=0)


def test_by_module(weir):
    run(weir, "leak:loses\n", "3x41", status=0)


def test_is_a_substring_with_anchors_and_stars(weir):
    run(weir, "leak:ose_od\n", "1x41", status=0)
    run(weir, "leak:lose*odd\n", "1x41", status=0)
    run(weir, "leak:^lose_odd$\n", "1x41", status=0)
    run(weir, "leak:^ose_odd\n", "1x41", status=23)
    run(weir, "leak:lose_od$\n", "1x41", status=23)


def test_comments_and_blank_lines(weir):
    run(weir, "# a comment\n\n  \nleak:lose_odd\n# leak:lose_even\n", "1x41", "1x100", status=23)


def test_used_are_counted(weir):
    text = run(weir, "leak:lose_odd\n", "3x41", "1x100", status=23).stderr.decode()
    after = text.partition("Suppressions used:")[2]
    line = next((line for line in after.splitlines() if "lose_odd" in line), "")
    check("3" in line.split() and "123" in line.split(), f"blocks and bytes are not told: {line!r}\n{text}")


def test_what_hangs_on_a_suppressed_leak_goes_with_it(weir):
    path = weir.write("rules", "leak:^known$\n")
    program = weir.build("scenarios/programs/loses_trees.c", ["-O0"])
    result = weir.run([program], f"suppressions={path}")
    check(result.status == 23 and "34 byte(s) leaked in 2 allocation(s)" in result.stderr.decode(),
          f"a leaf of the suppressed root is counted\n{result.describe()}")


def test_unused_are_named(weir):
    text = run(weir, "leak:lose_odd\nleak:never_called\n", "3x41", "1x100", status=23).stderr.decode()
    check("never_called" in text, f"the unused rule is not named\n{text}")


def test_print_suppressions(weir):
    text = run(weir, "leak:lose_odd\nleak:never_called\n", "3x41", "1x100", options="print_suppressions=0",
               status=23).stderr.decode()
    check("never_called" not in text and "Suppressions used" not in text, f"printed all the same\n{text}")


def test_bad_line(weir):
    result = run(weir, "leak:lose_odd\nthis is no rule\n", "3x41", status=0)
    check("rules:2" in result.stderr.decode() or "line 2" in result.stderr.decode(),
          f"the bad line is not named\n{result.describe()}")


def test_missing_file(weir):
    program = weir.build("scenarios/programs/loses.c", ["-O0"])
    result = weir.run([program, "1x41"], "suppressions=/nonexistent/rules")
    equal(result.status, 23, "status")
    check("/nonexistent/rules" in result.stderr.decode(), f"nothing says so\n{result.describe()}")


harness.main(globals())
