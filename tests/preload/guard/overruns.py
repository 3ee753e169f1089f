"""Writes in front of blocks and behind them: overruns.py LIBRARY TOOL CACHE [PATTERN]"""

import harness
from guard_case import Case, main

OVER = "heap-buffer-overflow: {count} byte(s) damaged at offset {offset} of a block of {bytes} byte(s), found by {by}"
UNDER = OVER.replace("overflow", "underflow")
FOUND_BY = {"free": "free", "child": "free", "realloc": "realloc", "exit": "the check at exit", "signal": "the check on signal 63",
            "calls": "a periodic check", "period": "a periodic check"}
LOOKING = {"calls": "check_every=1", "period": "check_period_ms=1"}
# Which function of the program stands in the stack of the call that found it.
CALLERS = {"free": "drop < fault", "realloc": "regrow < fault"}
UNDER_MAIN = {"main": "main", "thread": "on_thread", "child": "in_child < main", "plugin": "in_plugin < main"}
CALLS = {"new_nothrow": "operator new", "new_aligned": "operator new", "new": "operator new", "new[]": "operator new[]",
         "new[]_nothrow": "operator new[]", "new[]_aligned": "operator new[]", "strdup": "malloc",
         "realloc_null": "realloc", "reallocarray": "realloc", "aligned_alloc": "memalign", "valloc": "memalign"}
C = ["malloc", "calloc", "realloc", "realloc_null", "reallocarray", "aligned_alloc", "memalign", "posix_memalign", "valloc",
     "strdup"]
ROUTES = ["* -> pool", "* -> arena", "* -> fixed(capacity=8M)"]
CXX = ["new", "new[]", "new_nothrow", "new[]_nothrow", "new_aligned", "new[]_aligned"]


def behind(size):
    """Bytes that the guard knows behind a block: a canary of 8 at least, and a record of 8, up to a multiple of 16."""
    return (size + 16 + 15) // 16 * 16 - size


def case(how, size, offset, count, when="free", where="main", wanted=None, **more):
    """A fault of `count` bytes at an offset; the twin writes as many to the block itself, where they fit."""
    length = 1 if count == "nul" else 8 if count == "copy" else count
    inside = max(0, size - length) if offset >= 0 else 0
    twin = f"{how} {size} {inside} {min(length, size)} {when}"
    line = (OVER if offset >= 0 else UNDER).format(bytes=size, by=FOUND_BY[when],
                                                   **(wanted or {"count": length, "offset": offset}))
    mates = "among_mates < " if length > 16 and how != "aligned_alloc" else ""
    libc = "*strdup < " if how == "strdup" else ""
    stacks = {"allocated": f"{libc}make < {mates}fault < {UNDER_MAIN[where]}"}
    if when in CALLERS:
        stacks["now"] = f"{CALLERS[when]} < {UNDER_MAIN[where]}"
    by = {"allocated": CALLS.get(how, how)}
    name = " ".join(filter(None, [f"{how} {size} at {offset} {count} {when} {where}", more.get("routes")]))
    return Case(name, "overruns.c", f"{how} {size} {offset} {count} {when}", line,
                twin, stacks, LOOKING.get(when, ""), where, by, "c++" if how in CXX else "", **more)


def cases():
    for how in C + CXX:
        yield case(how, 13, 13, 1)
        yield case(how, 13, -1, 1)
    for size in (13, 16, 3000, 1 << 20):
        for how in ("malloc", "new") if harness.ALL or size == 13 else ("malloc",):
            yield case(how, size, size, "nul")
            yield case(how, size, size + 2, 1)  # three bytes behind: inside of the slack of 13
            yield case(how, size, size, 16)
            yield case(how, size, size, 4096, wanted={"count": behind(size), "offset": size})
            yield case(how, size, -8, 8)
            yield case(how, size, -16, 16)
    for when in ("free", "realloc", "exit", "signal", "calls", "period"):
        for size in (13, 3000, 1 << 20) if harness.ALL else (13, 1 << 20):
            yield case("malloc", size, size, 1, when)
            yield case("malloc", size, -1, 1, when)
    for where in ("thread", "child", "plugin"):
        for how, when in (("malloc", "free"), ("malloc", "realloc"), ("malloc", "exit"), ("new[]", "free")):
            yield case(how, 13, 13, 1, when, where)
            yield case(how, 13, -1, 1, when, where)
    yield case("aligned_alloc", 13, 13, 1, "realloc")
    yield case("calloc", 3000, 3000, 1, "realloc")
    for offset in (13, -1):
        yield case("malloc", 13, offset, 1, "child", status=134)
    for routes in ROUTES:
        for how, size in (("malloc", 13), ("malloc", 3000), ("malloc", 1 << 20), ("new[]", 13), ("aligned_alloc", 100)):
            if size < 1 << 20 or "pool" not in routes:  # a pool leaves large blocks to the parent
                yield case(how, size, size, 1, routes=routes)
                yield case(how, size, -1, 1, "exit", routes=routes)
    # In front of the canary: what is there can only be told to be wrong as a whole, but for the block's header.
    yield case("malloc", 13, -12, 1, wanted={"count": 8, "offset": -16})
    yield case("malloc", 13, -20, 1, wanted={"count": "<1..9>", "offset": -20})
    yield case("malloc", 13, -32, 1, wanted={"count": "<1..9>", "offset": -32})
    # All of the header: the record behind the block knows what it was, however far away.
    for how, size in (("malloc", 100000), ("memalign", 100000), ("new[]", 20 << 20)):
        for when in ("free", "exit"):
            yield case(how, size, -32, 32, when, wanted={"count": 32, "offset": -32})
    # The canary of another block of the same size; a byte of it may be alike.
    yield case("malloc", 16, 16, "copy", wanted={"count": "<4..8>", "offset": "<16..19>"})
    yield case("malloc", 16, -8, "copy", wanted={"count": "<4..8>", "offset": "<-8..-5>"})
    # Past the canary, into the record behind it alone.
    yield case("malloc", 40, 60, 1)
    # The header is lost, so that only what lies behind tells what the block was; 64 bytes in front are its own.
    for size in (13, 3000, 1 << 20):
        yield case("aligned_alloc", size, -64, 64, wanted={"count": 32, "offset": -32})
    yield case("aligned_alloc", 13, -64, 64, "realloc", wanted={"count": 32, "offset": -32})
    # Through all that lies between two blocks, forwards or back: found when the second is freed, and said of the first.
    first = {"now": "drop < fault < main", "allocated": "make < among_mates < fault < main"}
    line = OVER.format(count=behind(13), offset=13, bytes=13, by="free")
    yield Case("through to the next", "overruns.c", "malloc 13 13 through next", line, "malloc 13 12 1 next", first)
    yield Case("back into the one before", "overruns.c", "malloc 13 -64 64 free", line, "malloc 13 0 13 free", first)


main(list(cases()))
