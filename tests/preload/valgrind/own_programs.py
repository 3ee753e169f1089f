"""The test programs with leaks, as Valgrind sees them."""

import os

import harness
from agreement import compare


def program(weir, source, *flags):
    return weir.build(source, ["-O0", "-pthread", *flags])


def of(source, at_least, *flags):
    return lambda weir: compare(weir, [program(weir, f"leaks/{source}", *flags)], at_least)


test_chain = of("chain.c", 1)
test_cycle = of("cycle.c", 1)
test_self_cycle = of("self_cycle.c", 1)
test_tail_into_cycle = of("tail_into_cycle.c", 1)
test_grouped = of("grouped.c", 3)
test_realloc_grown = of("realloc_grown.c", 2)
test_inside_libc = of("inside_libc.c", 2)
test_cpp_new = of("cpp_new.cpp", 5)
test_exceptions = of("exceptions.cpp", 1)
test_tree = of("tree.c", 1, "-DDEPTH=3")
test_one_past = of("one_past.c", 1)
test_stale_in_freed = of("stale_in_freed.c", 1)


def test_every_allocator(weir):
    """All but pvalloc, a call of which Valgrind answers by ending the program."""
    compare(weir, [program(weir, "leaks/every_allocator.c"), "without-pvalloc"], at_least=9)


def test_plugin_closed(weir):
    """The plug-in is gone when the leak is reported: Valgrind is told to keep its symbols."""
    plugin = weir.build("leaks/plugins/loses.c", ["-O0", "-fPIC", "-shared", "-DNAME=lose_in_plugin"], "loses.so")
    compare(weir, [program(weir, "leaks/plugin_closed.c")], env={"PLUGINS": os.path.dirname(plugin)})


harness.main(globals())
