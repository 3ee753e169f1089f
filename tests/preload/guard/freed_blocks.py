"""Blocks that are freed twice, or written to after they were freed: freed_blocks.py LIBRARY TOOL CACHE [PATTERN]"""

import re

from guard_case import Case, findings_of, main, run, with_result
from harness import check

UNDER_MAIN = {"main": "main", "thread": "on_thread", "child": "in_child < main", "plugin": "in_plugin < main"}
ENDS = {"new": "operator delete", "new[]": "operator delete[]", "new_aligned": "operator delete", "new_nothrow": "operator delete"}
CALLS = {"realloc": "realloc", "usable_size": "malloc_usable_size"}
FOUND = {"quarantine": "when it left the quarantine", "exit": "by the check at exit", "signal": "by the check on signal 63",
         "calls": "by a periodic check", "period": "by a periodic check"}
ROOM = "quarantine_large_bytes=1G"  # for a hundred large blocks
LOOKING = {"calls": "check_every=1", "period": "check_period_ms=1"}


def twice(how, size, pattern, again="same", where="main", options=""):
    top = UNDER_MAIN[where]
    call = ENDS.get(how, "free")
    role = {"same": "drop_again < use_again", "realloc": "regrow < use_again", "usable_size": "use_again"}[again]
    if pattern == "reused":
        stacks = {"now": f"drop_again < reuse < fault < {top}", "freed": f"drop_stale < reuse < fault < {top}",
                  "allocated": f"make < reuse < fault < {top}"}
    elif pattern == "moved":
        stacks = {"now": f"{role} < fault < {top}", "freed": f"regrow < fault < {top}", "allocated": f"make < fault < {top}"}
    else:
        now = f"{role} < elsewhere" if pattern == "elsewhere" else f"{role} < fault < {top}"
        stacks = {"now": now, "freed": f"drop < fault < {top}", "allocated": f"make < fault < {top}"}
    return Case(f"twice {how} {size} {pattern} {again} {where}", "frees_twice.c", f"{how} {size} {pattern} {again}",
                f"double-free: {CALLS.get(again, call)} of a freed block of {size} byte(s)", f"{how} {size} {pattern} none",
                stacks, options, where, {"freed": "realloc" if pattern == "moved" else call}, "c++" if how.startswith("new") else "")


def late(how, size, offset, count, when="quarantine", where="main", options="", moved="", routes=""):
    top = UNDER_MAIN[where]
    stacks = {"freed": f"{'regrow' if moved else 'drop'} < fault < {top}", "allocated": f"make < fault < {top}"}
    options = ":".join(filter(None, [options, LOOKING.get(when)]))
    return Case(f"late {how} {size} at {offset} {count} {when} {where} {options}{moved}{routes}", "writes_late.c",
                f"{how} {size} {offset} {count} {when}{moved}",
                f"heap-use-after-free: {count} byte(s) written at offset {offset} of a freed block of {size} byte(s), "
                f"found {FOUND[when]}", f"{how} {size} {offset} 0 {when}{moved}", stacks, options, where,
                {"freed": "realloc" if moved else ENDS.get(how, "free")}, "c++" if how.startswith("new") else "", routes=routes)


def cases():
    for pattern in ("at_once", "delayed", "interleaved", "elsewhere"):
        for size in (13, 3000, 1 << 20):
            yield twice("malloc", size, pattern, options=ROOM if pattern == "delayed" else "")
    for size in (13, 3000):
        yield twice("malloc", size, "reused", options="quarantine_bytes=0")
        yield twice("malloc", size, "reused", options="quarantine_blocks=0")
    for how in ("calloc", "realloc", "aligned_alloc", "posix_memalign", "new", "new[]", "new_aligned", "new_nothrow"):
        yield twice(how, 16, "at_once")
    yield twice("new", 16, "delayed")
    yield twice("malloc", 16, "at_once", "realloc")
    yield twice("malloc", 1 << 20, "at_once", "realloc")
    yield twice("malloc", 16, "at_once", "usable_size")
    for where in ("thread", "child", "plugin"):
        yield twice("malloc", 16, "at_once", where=where)
        yield twice("new[]", 16, "delayed", where=where)
    for size in (13, 3000):
        yield twice("malloc", size, "moved")
        yield late("malloc", size, 0, 4, "quarantine", moved=" moved")
        yield late("malloc", size, 0, 4, "exit", moved=" moved")
    for routes in ("* -> pool", "* -> arena", "* -> fixed(capacity=8M)"):
        yield late("malloc", 16, 8, 4, "quarantine", routes=routes)
        yield late("malloc", 3000, 8, 4, "exit", routes=routes)
    for when in FOUND:
        yield late("malloc", 16, 0, 1, when)
        yield late("malloc", 3000, 2999, 1, when)
    for when in ("quarantine", "exit"):
        yield late("malloc", 16, 15, 1, when)
        yield late("malloc", 16, 7, 3, when)
        for offset in (0, 60400, (1 << 20) - 1):  # beyond max_free_fill_size the last line of each KiB is filled
            yield late("malloc", 1 << 20, offset, 1, when)
        yield late("malloc", 1 << 20, 60001, 1, when, options="max_free_fill_size=2M")
        yield late("new", 16, 8, 4, when)
        yield late("new[]", 3000, 100, 4, when)
        yield late("aligned_alloc", 100, 99, 1, when)
        for where in ("thread", "child", "plugin"):
            yield late("malloc", 16, 8, 4, when, where)


def test_threads_are_named(weir):
    """Which thread allocated, freed, and freed again: its number, name and id."""
    wanted = twice("malloc", 16, "elsewhere")
    result = run(weir, wanted, wanted.args)
    finding = with_result(result, findings_of, result.stderr.decode())[0][0]
    own = rf"by thread T1 'frees_twice' \(tid {result.pid}\), \d"
    for section, pattern in (("now", r"in thread T2 'frees_twice' \(tid \d+\):"), ("freed", "freed " + own),
                             ("allocated", f"allocated {own}")):
        with_result(result, check, re.match(pattern, finding.headings[section]), f"{section}: {finding.headings[section]}")


main(list(cases()), test_threads_are_named)
