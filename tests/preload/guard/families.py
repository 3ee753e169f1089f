"""Blocks of one family that another ends; sizes and alignments that are not the block's: families.py LIBRARY TOOL CACHE"""

from guard_case import Case, check_silent, main, run, with_result

MADE = {"malloc": "malloc", "calloc": "calloc", "realloc": "realloc", "aligned_alloc": "memalign", "posix_memalign":
        "posix_memalign", "strdup": "malloc", "new": "operator new", "new[]": "operator new[]", "new_nothrow": "operator new",
        "new[]_nothrow": "operator new[]", "new_aligned": "operator new", "new[]_aligned": "operator new[]"}
ENDED = {"free": "free", "realloc": "realloc", "delete": "operator delete", "delete[]": "operator delete[]"}


def family(call):
    """What may end the block, without the forms of a function."""
    return "c" if not call.startswith(("new", "delete")) else "array" if "[]" in call else "single"


def mismatch(made, ended, where="main"):
    twin = {"c": "free", "single": "delete", "array": "delete[]"}[family(made)] + ("_aligned" if "aligned" in made and
                                                                                   family(made) != "c" else "")
    return Case(f"{made} {ended} {where}", "mismatches.cpp", f"{made} 10 {ended}",
                f"alloc-dealloc-mismatch: {ENDED[ended]} of a block of 10 byte(s) from {MADE[made]}", f"{made} 10 {twin}",
                {"now": "end < fault", "allocated": ("*strdup < " if made == "strdup" else "") + "make < fault"}, where=where)


def wrong(args, line, twin):
    return Case(args, "mismatches.cpp", args, f"new-delete-type-mismatch: {line}", twin,
                {"now": "end < fault < main", "allocated": "make < fault < main"})


def cases():
    for made in MADE:
        for ended in ENDED:
            if family(made) != family(ended):
                yield mismatch(made, ended)
    for where in ("thread", "child", "plugin"):
        yield mismatch("malloc", "delete", where)
        yield mismatch("new[]", "free", where)
    for made, ended, call in (("new", "delete_sized", "operator delete"), ("new[]", "delete[]_sized", "operator delete[]"),
                              ("malloc", "free_sized", "free_sized"), ("calloc", "free_sized", "free_sized"),
                              ("new_aligned", "delete_sized_aligned", "operator delete"),
                              ("new[]_aligned", "delete[]_sized_aligned", "operator delete[]"),
                              ("aligned_alloc", "free_aligned_sized", "free_aligned_sized")):
        for size, given in ((16, 8), (16, 17), (3000, 2999), (1 << 20, 16)):
            yield wrong(f"{made} {size} {ended} {given}", f"{call} with size {given} of a block of {size} byte(s)",
                        f"{made} {size} {ended} {size}")
    for made, ended, call in (("new_aligned", "delete_aligned", "operator delete"),
                              ("new_aligned", "delete_sized_aligned", "operator delete"),
                              ("new[]_aligned", "delete[]_aligned", "operator delete[]"),
                              ("aligned_alloc", "free_aligned_sized", "free_aligned_sized")):
        for given in (32, 128):
            yield wrong(f"{made} 64 {ended} 64 {given}", f"{call} with alignment {given} of a block aligned to 64",
                        f"{made} 64 {ended} 64 64")


def silent(options, *programs_args):
    def test(weir):
        for args in programs_args:
            result = run(weir, Case("", "mismatches.cpp", args, ""), args, options=options)
            with_result(result, check_silent, result)
    return test


def named(name, function):
    function.__name__ = name
    return function


main(list(cases()),
     named("mismatches are allowed", silent("alloc_dealloc_mismatch=0", "malloc 10 delete", "new[] 10 free", "new 10 delete[]")),
     named("wrong sizes are allowed", silent("new_delete_type_mismatch=0", "new 16 delete_sized 8", "malloc 16 free_sized 8",
                                             "new_aligned 64 delete_aligned 64 32")),
     named("other forms of the same family", silent("", "new 16 delete_nothrow", "new_nothrow 16 delete_sized",
                                                    "posix_memalign 16 free", "malloc 16 realloc")))
