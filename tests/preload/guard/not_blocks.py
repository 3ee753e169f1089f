"""Calls that get what is no block: not_blocks.py LIBRARY TOOL CACHE [PATTERN]"""

import os
import re
from guard_case import Case, build, check_silent, main, run, with_result

UNDER_MAIN = {"main": "main", "thread": "on_thread", "child": "in_child < main", "plugin": "in_plugin < main"}
CALLS = {"free": "free", "realloc": "realloc", "usable_size": "malloc_usable_size", "delete": "operator delete",
         "delete[]": "operator delete[]"}
WHERE_IT_IS = {
    "stack": "which is on the stack",
    "static": "which is in static storage of <path>",
    "constant": "which is in static storage of <path>",
    "code": "which is in static storage of <path>",
    "environment": "which is on the stack",
    "4": "which is inside a block of 100 byte(s) at offset 4",
    "16": "which is inside a block of 100 byte(s) at offset 16",
    "1": "which is inside a block of 100 byte(s) at offset 1",
    "99": "which is inside a block of 100 byte(s) at offset 99",
    "100": "which is inside a block of 100 byte(s) at offset 100",
    "freed16": "which is inside a freed block of 100 byte(s) at offset 16",
    "far": "which is not mapped",
    "wild": "which is not mapped",
    "mapping": "which is in memory that is not the heap's",
    "inside_mapping": "which is in memory that is not the heap's",
}


def case(what, call="free", where="main"):
    top = UNDER_MAIN[where]
    stacks = {"now": f"misuse < fault < {top}"}
    if what.isdigit() or what.startswith("freed"):
        stacks["allocated"] = f"make < fault < {top}"
    if what.startswith("freed"):
        stacks["freed"] = f"drop < address_of < fault < {top}"
    return Case(f"{what} {call} {where}", "frees_other.cpp", f"{what} {call}",
                f"bad-free: {CALLS[call]} of <address>, {WHERE_IT_IS[what]}", f"block {call}", stacks, where=where)


def cases():
    for what in WHERE_IT_IS:
        yield case(what)
    for call in CALLS:
        for what in ("stack", "static", "16", "1", "far", "mapping"):
            yield case(what, call)
    for where in ("thread", "child", "plugin"):
        for what in ("stack", "static", "16", "far"):
            yield case(what, "free", where)
    for freed, place in (("storage", "in static storage of <path>"), ("(void*)0x10", "not mapped")):
        yield Case(f"before main {freed}", "before_main.c", "", f"bad-free: free of <address>, which is {place}",
                   stacks={"now": "first_call < before_constructors"}, flags=(f"-DFREED={freed}",))


def test_nothing_is_freed_before_main(weir):
    twin = Case("", "before_main.c", "", "", flags=("-DFREED=NULL",))
    result = run(weir, twin, "")
    with_result(result, check_silent, result)


def test_other_heaps(weir):
    program, plugins = build(weir, "own_heap.c")
    for name, source, flags in (("brings_malloc.so", "guard/programs/brings_malloc.c", ["-Wl,-Bsymbolic"]),
                                ("exchanges.so", "interpose/plugins/exchanges.c", [])):
        os.symlink(weir.build(source, ["-O1", "-fPIC", "-shared", *flags], name), f"{plugins}/{name}")
    result = weir.run([program], env={"PLUGINS": plugins})
    result.stderr = re.sub(rb"^weir: [^\n]*RTLD_DEEPBIND[^\n]*\n", b"", result.stderr)
    with_result(result, check_silent, result)


main(list(cases()), test_nothing_is_freed_before_main, test_other_heaps)
