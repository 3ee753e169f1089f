"""Reads and writes next to blocks and in freed ones, stopped where they happen: accesses.py LIBRARY TOOL CACHE [PATTERN]"""

import harness
import page_case  # noqa: F401, its programs
from guard_case import Case, main

PAGE, FRONT = "guard=page", "guard=page-front"
UNDER_MAIN = {"main": "main", "thread": "on_thread", "child": "in_child < main", "plugin": "in_plugin < main"}
FUNCTION = {"read": "peek", "write": "poke", "call": "jump", "read4": "peek4", "write4": "poke4", "read16": "peek16",
            "write16": "poke16"}
CALLS = {"new_nothrow": "operator new", "new_aligned": "operator new", "new": "operator new", "new[]": "operator new[]",
         "new[]_nothrow": "operator new[]", "new[]_aligned": "operator new[]", "strdup": "malloc",
         "realloc_null": "realloc", "reallocarray": "realloc", "aligned_alloc": "memalign", "valloc": "memalign"}
C = ["malloc", "calloc", "realloc", "realloc_null", "reallocarray", "aligned_alloc", "memalign", "posix_memalign", "valloc",
     "strdup"]
CXX = ["new", "new[]", "new_nothrow", "new[]_nothrow", "new_aligned", "new[]_aligned"]


def case(how, size, offset, access, options, state="live", more="", where="main", told=None):
    """The twin touches the first byte, or the last one that is nearest to the fault, of a live block. `told` is where the
    report says that the access was, if not at the offset."""
    freed = state != "live"
    kind = "use-after-free" if freed else "buffer-underflow" if offset < 0 else "buffer-overflow"
    word = "access" if access == "call" else access.rstrip("0123456789")
    line = f"heap-{kind}: {word} at offset {offset if told is None else told} of a {'freed ' if freed else ''}block of {size} byte(s)"
    under = UNDER_MAIN[where]
    made = ("*strdup < " if how == "strdup" else "") + f"make < fault < {under}"
    now = f"{FUNCTION[access]} < touch < " if access != "call" else "jump < touch < "
    now += "on_other_stack" if more == "switched" else f"touch_after < fault < {under}"
    stacks = {"now": now, "allocated": made}
    if freed:
        stacks["freed"] = f"{'regrow' if state == 'shrunk' else 'drop'} < fault < {under}"
    if more == "large":
        stacks["neighbour"] = f"make < fault < {under}"
    width = int(access.removeprefix(word) or 1) if word != "access" else 1
    inside = 0 if options == FRONT or offset < 0 else max(size - width, 0)
    twin = f"{how} {size} {inside} {'read' if access == 'call' else access} live {more}" if size >= width else ""
    return Case(f"{options} {how} {size} at {offset} {access} {state} {more} {where}", "accesses.c",
                f"{how} {size} {offset} {access} {state} {more}", line, twin, stacks, options, where,
                {"allocated": CALLS.get(how, how)}, "c++" if how in CXX else "")


def cases():
    for access in ("read", "write"):
        few = access == "read" and not harness.ALL
        for how in ("malloc",) if few else ("malloc", "new[]"):
            for size in (48, 3 << 20) if few else (48, 5008, 3 << 20):
                yield case(how, size, size, access, PAGE)
                yield case(how, size, size + 100, access, PAGE)
                yield case(how, size, -1, access, FRONT)
                yield case(how, size, -100, access, FRONT)
            for size in (13, 3 << 20) if few else (13, 5000, 3 << 20):
                yield case(how, size, 0, access, PAGE, "freed")
                yield case(how, size, size - 1, access, FRONT, "freed")
        if few:
            continue
        # Past the slack: as far behind the end as the alignment leaves it.
        yield case("malloc", 13, 16, access, PAGE)
        yield case("malloc", 1 << 12, -1, access, PAGE)
        yield case("malloc", 1 << 12, 1 << 12, access, FRONT)
        # What lies between two blocks belongs to the nearer one.
        for options in (PAGE, FRONT):
            for offset in (-1, -1000, 4096, 5000):
                yield case("malloc", 4096, offset, access, options, more="mates")
            yield case("malloc", 0, 0, access, options)
            yield case("malloc", 0, -1, access, options)
            yield case("malloc", 40, 0, access, options, "shrunk")
            yield case("malloc", 40, 8, access, options, "late")
        for where in ("thread", "child", "plugin"):
            yield case("malloc", 32, 32, access, PAGE, where=where)
            yield case("new", 32, -1, access, FRONT, where=where)
            yield case("malloc", 32, 8, access, PAGE, "freed", where=where)
        for more in ("handler", "handler_late", "alt_stack", "switched"):
            yield case("malloc", 32, 32, access, PAGE, more=more)
            yield case("malloc", 32, 3, access, PAGE, "freed", more)
    # Accesses over the end: the first byte that is not the block's is told, whose slack the page does not guard.
    for access in ("read4", "write4", "read16", "write16"):
        yield case("malloc", 13, 13, access, PAGE)
        yield case("malloc", 16, 13, access, PAGE, told=16)
    # A pointer that went astray: the nearest block, and the nearest one on the other side.
    yield case("malloc", 16, 1 << 33, "write", PAGE, more="large")
    for access in ("read", "write"):
        for options in (PAGE, FRONT):
            for far in (1 << 20, -1 << 20, 1 << 33):
                yield case("malloc", 16, far, access, options)
    for how in C + CXX:
        if how not in ("valloc",):
            yield case(how, 64, 64, "write", PAGE)
        yield case(how, 64, -1, "write", FRONT)
        yield case(how, 64, 5, "read", PAGE, "freed")
    yield case("valloc", 4096, 4096, "read", PAGE)
    yield case("malloc", 64, 0, "call", PAGE, "freed")


main(list(cases()))
