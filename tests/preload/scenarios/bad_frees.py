"""mode=leak: a free or realloc of what is no live block is reported with its stack and ends the process, as in glibc;
with on_error=continue it goes on: bad_frees.py LIBRARY TOOL CACHE"""

import re
import signal

import harness
from harness import check, equal

# What the program is asked for, what the report says, whether the block was live and so is named by its stack.
CASES = [
    ("twice", r"double-free: free of a freed block of 100 byte\(s\)", False),
    ("inside", r"bad-free: free of 0x[0-9a-f]+, which is inside a block of 100 byte\(s\) at offset 32", True),
    ("odd", r"bad-free: free of 0x[0-9a-f]+, which is inside a block of 100 byte\(s\) at offset 5", True),
    ("header", r"bad-free: free of 0x[0-9a-f]+, which is in the heap, but in no block", False),
    ("realloc", r"double-free: realloc of a freed block of 100 byte\(s\)", False),
]


def run(weir, options, *arguments):
    program = weir.build("scenarios/programs/frees_wrongly.c", ["-O0"])
    return weir.run([program, *arguments], options)


def check_report(result, what, pattern, names_block):
    text = result.stderr.decode()
    frames = r"in thread T1 [^\n]*:\n    #0 0x[0-9a-f]+ in wrong [^\n]*frees_wrongly.c:\d+"
    for wanted in (rf"ERROR: weir: {pattern}\n", frames):
        check(re.search(wanted, text), f"{what}: {wanted!r} is not in\n{text}")
    equal("allocated by" in text, names_block, f"{what}: names the block")


def test_ends_as_in_glibc(weir):
    for what, pattern, names_block in CASES:
        result = run(weir, "", what)
        equal((result.status, result.stdout), (-signal.SIGABRT, b""), what)
        check_report(result, what, pattern, names_block)


def test_goes_on(weir):
    for what, pattern, names_block in CASES:
        result = run(weir, "on_error=continue:leak_check_at_exit=0", what, "3")
        ends = b"no block\n" * 3 if what == "realloc" else b""
        equal((result.status, result.stdout), (0, ends + b"went on\n"), what)
        check_report(result, what, pattern, names_block)
        equal(result.stderr.count(b"ERROR: weir:"), 1, f"{what}: each place is reported once")


def test_status(weir):
    equal(run(weir, "on_error=exit:exitcode=9", "twice").status, 9, "exit status")


def test_counted(weir):
    result = run(weir, "on_error=continue:summary=always", "twice", "3")
    check(b"weir: 3 free(s) of what is no live block\n" in result.stderr, "the totals say how often")


harness.main(globals())
