"""Which blocks get pages of their own, and how many: choice.py LIBRARY TOOL CACHE [PATTERN]"""

import re
import resource
import sys

import guard_case
import harness
import page_case  # noqa: F401, its programs
from guard_case import GuardWeir
from harness import check, equal


def run(weir, requests, options):
    program, plugins = guard_case.build(weir, "choice.c", "plugin")
    result = weir.run([program, *requests.split()], f"guard=page:{options}", env={"PLUGINS": plugins, "WHERE": "main"})
    try:
        equal(result.status, 0, "exit status")
    except harness.Failure as failure:
        raise harness.Failure(f"{failure}\n{result.describe()}") from None
    return result.stdout.decode().split(), result.stderr.decode()


def chosen(weir, requests, where, wanted):
    got, errors = run(weir, requests, f"guard_where='{where}'" if where else "")
    equal((got, errors), (wanted.split(), ""), f"{requests} where {where!r}")


CHOICES = [
    ("main:malloc:32 main:calloc:0 main:memalign:100 main:realloc:64 main:malloc:3000000", "", "1 1 1 1 1"),
    ("main:malloc:4095 main:malloc:4096 main:malloc:100000", "size>=4K", "0 1 1"),
    ("main:malloc:16 main:malloc:32 main:malloc:48", "size=20..40", "0 1 0"),
    ("main:malloc:32 main:calloc:32 main:realloc:32 main:memalign:32", "call=calloc|memalign", "0 1 0 1"),
    ("main:malloc:32 main:memalign:32", "align>=64", "0 1"),
    ("main:malloc:32 worker:malloc:32 walker:malloc:32", "thread=work*", "0 1 0"),
    ("main:malloc:32 plugin:malloc:32", "module=fault.so", "0 1"),
    ("main:malloc:32 plugin:malloc:32", "module=choice", "1 0"),
    ("main:malloc:32 other:malloc:32", "caller=other", "0 1"),
    ("main:malloc:32 other:malloc:32 plugin:malloc:32", "source=choice.c", "0 1 0"),
    ("main:malloc:32 main:malloc:64 other:malloc:64 other:malloc:32", "size>=64 && caller=other", "0 0 1 0"),
    ("main:malloc:32 main:malloc:64 main:malloc:128", "size>=64, size<=100", "0 1 0"),
]

def grow(weir):
    """realloc of what lies with canaries need not copy because other blocks lie on pages."""
    got, _ = run(weir, "main:grow:1000000", "guard_every=1000")
    equal(got, ["same"], "a block of 1,000,000 bytes that has grown by 2,000")


MISTAKES = {
    "siez>4K": "'siez' is no condition; the nearest is 'size'",
    "size>": "a number is missing: 0 to 131072G, as in 100, 4K or 64M",
    "size>=4K -> page": "no target can stand here, conditions alone",
    "call=mallok": "'mallok' is no call, or one twice; the nearest is 'malloc'",
    "module=a module=b": "'module' stands here twice; '|' separates alternatives",
}


def mistake(weir, where, message):
    got, errors = run(weir, "main:malloc:16", f"guard_where='{where}'")
    lines = errors.splitlines()
    equal(lines[0], f"weir: option 'guard_where': {message}; left out", "message")
    equal((len(lines), lines[1].strip(), lines[2].strip().rstrip("~")), (3, where, "^"), "where it is shown")
    equal(got, ["1"], "all blocks count")


def strict(weir):
    program, _ = guard_case.build(weir, "choice.c")
    result = weir.run([program, "main:malloc:16"], "guard=page:strict=1:guard_where='siez>4K'")
    check("weir: WEIR_OPTIONS has errors and strict=1: not started" in result.stderr.decode(), "no last line")
    equal((result.status, result.stdout), (2, b""), "status and output")


def every(weir):
    (got,), errors = run(weir, "main:malloc:32*1000", "guard_every=10")
    equal((len(got), got.count("1"), errors), (1000, 100, ""), "one in ten")
    check(re.fullmatch(r"0{0,9}(10{9})+10{0,9}", got), f"evenly: {got}")
    (got, again), errors = run(weir, "main:malloc:32*20 main:malloc:64*40", "guard_every=4:guard_where=size>=64")
    equal((got.count("1"), again.count("1"), errors), (0, 10, ""), "one in four of those that are named")
    got, errors = run(weir, " ".join(["main:malloc:16"] + ["worker:malloc:32*3"] * 60), "guard_every=10")
    check(10 <= "".join(got[1:]).count("1") <= 26, f"threads of three blocks each get their turn: {got}")


def budget(weir):
    requests = "main:malloc:32*100 free main:malloc:32*10 main:malloc:0*50"
    (first, again, none), errors = run(weir, requests, "guard_mappings=16:verbosity=1")
    equal((first, again, none), ("1" * 16 + "0" * 84, "1" * 10, "1" * 50), "sixteen at a time, and those of no bytes")
    lines = [line for line in errors.splitlines() if "guard=page" in line]
    equal(lines, ["weir: guard=page: the budget of mappings is used up with 16 blocks on pages of their own "
                  "(guard_mappings=16); further ones get canaries"], "message")
    equal(run(weir, requests, "guard_mappings=16")[1], "", "without verbosity it says nothing")


def no_memory(weir):
    """Under a limit of address space malloc fails as it does natively."""
    program, _ = guard_case.build(weir, "choice.c")
    limit, large = (1 << 30, 300_000_000) if harness.ALL else (1 << 29, 150_000_000)
    for requests, status in ((f"main:malloc:{large}*6", 99), (f"main:malloc:{large}", 0), ("main:malloc:64*5000", 0)):
        result = weir.run([program, *requests.split()], "guard=page",
                          prepare=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        equal(result.status, status, requests)
        failed = "test program: malloc failed: Cannot allocate memory\n" if status else ""
        equal(result.stderr.decode(), failed, "standard error")


def others(weir):
    """guard_others=none: what has no page is a block of mode=leak, the others are as they are."""
    (got,), errors = run(weir, "main:malloc:32*1000", "guard_every=10:guard_others=none")
    equal((len(got), got.count("1"), errors), (1000, 100, ""), "one in ten")
    requests = "main:malloc:32 main:calloc:32 main:memalign:100 main:realloc:64 plugin:malloc:4096 main:malloc:3000000"
    equal(run(weir, requests, "guard_others=none"), (["1"] * 6, ""), "each call finds its pages")
    equal(run(weir, requests, "guard_others=none:guard_where='size>1G'"), (["0"] * 6, ""), "and the other heap")


def main():
    weir = GuardWeir(*sys.argv[1:4])
    cases = [*((f"{where or 'all'} {requests}", lambda c=(requests, where, wanted): chosen(weir, *c))
               for requests, where, wanted in CHOICES),
             *((f"mistake {where}", lambda c=(where, message): mistake(weir, *c)) for where, message in MISTAKES.items()),
             ("strict", lambda: strict(weir)), ("every", lambda: every(weir)), ("budget", lambda: budget(weir)), ("others", lambda: others(weir)), ("grow", lambda: grow(weir)),
             ("no memory", lambda: no_memory(weir))]
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    harness.run_cases((name, function) for name, function in cases if pattern in name)


main()
