"""Odd requests, and what fresh and freed memory shows: requests.py LIBRARY TOOL CACHE [PATTERN]"""

from guard_case import Case, main, run, with_result
from harness import equal

MAX = 2**64 - 1
ROOT = 2**32
HUGE = {
    "malloc": f"allocation-size-too-big: malloc of {MAX} byte(s)",
    "malloc_negative": f"allocation-size-too-big: malloc of {MAX - 99} byte(s)",
    "calloc": f"calloc-overflow: calloc of {ROOT} * {ROOT} byte(s)",
    "calloc_huge": f"allocation-size-too-big: calloc of {MAX} byte(s)",
    "realloc": f"allocation-size-too-big: realloc of {MAX} byte(s)",
    "reallocarray": f"calloc-overflow: realloc of {ROOT} * {ROOT} byte(s)",
    "aligned_alloc": f"allocation-size-too-big: memalign of {MAX - 63} byte(s)",
    "new": f"allocation-size-too-big: operator new of {MAX} byte(s)",
    "new_nothrow": f"allocation-size-too-big: operator new of {MAX} byte(s)",
}
ZERO = {
    "zero_malloc": "zero-size-allocation: malloc of 0 byte(s)",
    "zero_calloc": "zero-size-allocation: calloc of 0 byte(s)",
    "zero_realloc": "zero-size-allocation: realloc of 0 byte(s)",
    "zero_aligned_alloc": "zero-size-allocation: memalign of 0 byte(s)",
}
ALIGNMENT = {
    "posix_memalign_3": "invalid-allocation-alignment: posix_memalign with alignment 3",
    "posix_memalign_24": "invalid-allocation-alignment: posix_memalign with alignment 24",
    "aligned_alloc_24": "invalid-allocation-alignment: memalign with alignment 24",
    "memalign_24": "invalid-allocation-alignment: memalign with alignment 24",
}
GROUPS = {"report_huge": HUGE, "report_zero": ZERO, "report_alignment": ALIGNMENT}
FILLED = [
    ("malloc 100", "max_malloc_fill_size=4K", "100*190"),
    ("malloc 100", "max_malloc_fill_size=4K:malloc_fill_byte=17", "100*17"),
    ("malloc 4000", "max_malloc_fill_size=1000:malloc_fill_byte=17", "1000*17 "),
    ("new 100", "max_malloc_fill_size=4K", "100*190"),
    ("calloc 100", "max_malloc_fill_size=4K", "100*0"),
    ("malloc 100 freed", "", "100*85"),
    ("malloc 100 freed", "free_fill_byte=171", "100*171"),
    ("calloc 13 freed", "free_fill_byte=0", "13*0"),
    ("new 100 freed", "", "100*85"),
    ("aligned_alloc 100 freed", "", "100*85"),
    ("malloc 4000 freed", "max_free_fill_size=512", "544*85 "),
    ("malloc 100 freed", "max_free_fill_size=0", "100*7"),
    ("malloc 30 freed", "max_free_fill_size=3", "30*85"),  # 32 bytes at least
]


def cases():
    for option, requests in GROUPS.items():
        for what, line in requests.items():
            yield Case(f"{what}", "odd_requests.cpp", what, line, stacks={"now": "request < fault < main"}, options=f"{option}=1")


def test_silent_when_not_asked(weir):
    others = {option: ":".join(f"{other}=1" for other in GROUPS if other != option) for option in GROUPS}
    for option, requests in GROUPS.items():
        for what in requests:
            result = run(weir, Case("", "odd_requests.cpp", what, ""), what, options=others[option])
            with_result(result, lambda result=result, what=what: equal((result.status, result.stderr), (0, b""), what))


def test_fills(weir):
    for args, options, runs in FILLED:
        result = run(weir, Case("", "fills.c", args, "", language="c++"), args, options=options)
        got = result.stdout.decode().strip()
        with_result(result, lambda: equal((result.status, result.stderr), (0, b""), args))
        if runs.endswith(" "):
            equal(got.split()[0] + " ", runs, f"the first bytes of '{args}' with {options!r}")
        else:
            equal(got, runs, f"the bytes of '{args}' with {options!r}")


main(list(cases()), test_silent_when_not_asked, test_fills)
