"""What weir calls a direct leak is what Valgrind calls definitely lost: the same bytes, blocks and stacks.

Valgrind runs with --run-libc-freeres=no, because weir leaves libc's memory alone too, and with as many callers.
The comparison is by stack: names of functions from the allocating one outwards, as far as both know them.
"""

import collections
import os
import re
import shutil
import xml.etree.ElementTree

import harness
from harness import Failure, Skip, check, plain_name

VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--xml=yes", "--num-callers=64", "--run-libc-freeres=no",
            "--run-cxx-freeres=no", "--keep-debuginfo=yes", "--errors-for-leak-kinds=none", "--show-leak-kinds=definite"]
ALLOCATORS = re.compile(r"^(malloc|calloc|realloc|reallocarray|memalign|posix_memalign|aligned_alloc|valloc|pvalloc|"
                        r"operator new.*)$")
# Below main each of the two stops at another name.
BELOW_MAIN = {"__libc_start_call_main", "__libc_start_main_impl", "__libc_start_main", "_start", "(below main)"}
COMPARED_FRAMES = 12


def canonical(names):
    """Up to main, without weir's or Valgrind's own entry, in one spelling."""
    out = []
    for name in names:
        if not out and ALLOCATORS.match(name):
            continue
        if name in BELOW_MAIN:
            break
        out.append(name.lstrip("_"))  # libc's functions have several names at one address
    return tuple(out[:COMPARED_FRAMES])


def lost_by_valgrind(weir, argv, how):
    report = os.path.join(weir.fresh_directory(), "valgrind.%p.xml")
    result = weir.run([*VALGRIND, f"--xml-file={report}", *argv], preload=False, timeout=200, **how)
    path = report.replace("%p", str(result.pid))
    check(os.path.exists(path), f"valgrind left no report\n{result.describe()}")
    found = collections.Counter()
    for error in xml.etree.ElementTree.parse(path).getroot().iter("error"):
        if error.findtext("kind") != "Leak_DefinitelyLost":
            continue
        text = error.findtext("xwhat/text").replace(",", "")
        # "80 (16 direct 64 indirect) bytes in 1 blocks …" or "40 bytes in 1 blocks …"
        numbers = re.match(r"(\d+)(?: \((\d+) direct)?.* in (\d+) blocks", text)
        frames = error.find("stack").iter("frame")
        names = canonical(plain_name({"function": f.findtext("fn"), "module": f.findtext("obj")}) for f in frames)
        found[(int(numbers[2] or numbers[1]), int(numbers[3]), names)] += 1
    return result, found


def lost_by_weir(weir, argv, how):
    result = weir.run(argv, "exitcode=0:log_path=/dev/null:builtin_suppressions=0", **how)
    leaks = [leak for report in result.reports if report.pid == result.pid for leak in report.of("direct")]
    return result, collections.Counter((leak.bytes, leak.blocks, canonical(leak.names())) for leak in leaks)


def agree(one, other):
    """Equal stacks, where a name that only one of the two knows (the other has module+) counts as equal."""
    return one[:2] == other[:2] and len(one[2]) == len(other[2]) and all(
        a == b or a.endswith("+") or b.endswith("+") for a, b in zip(one[2], other[2]))


def compare(weir, argv, at_least=1, env=None, cwd=None, stdin=None, explained=lambda row: False):
    """explained(row) is true for a row (bytes, blocks, names) that only one of the two may have; say why beside it."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    if not os.path.exists(argv[0]):
        raise Skip(f"{argv[0]} is not installed")
    how = {"env": env, "cwd": cwd, "stdin": stdin}
    theirs, by_valgrind = lost_by_valgrind(weir, argv, how)
    ours, by_weir = lost_by_weir(weir, argv, how)
    check(theirs.status == ours.status, f"status {ours.status}, under valgrind {theirs.status}\n{ours.describe()}")
    left, missing = list(by_weir.elements()), []
    for row in by_valgrind.elements():
        same = next((other for other in left if agree(row, other)), None)
        if same is None:
            missing.append(row)
        else:
            left.remove(same)
    missing = [row for row in missing if not explained(row)]
    left = [row for row in left if not explained(row)]
    if missing or left:
        show = lambda row: f"{row[0]} bytes in {row[1]}: {' < '.join(row[2])}"
        raise Failure("\n".join([f"{argv[0]}: weir and valgrind differ"]
                                + ["  only valgrind: " + show(row) for row in missing]
                                + ["  only weir:     " + show(row) for row in left]))
    agreed = sum(by_valgrind.values()) - len(missing)
    check(agreed >= at_least, f"{argv[0]}: {agreed} direct leaks are too few to show anything")
    print(f"   {agreed} stacks agree")
