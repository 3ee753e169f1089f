"""The set-ups under which programs of other folders run once more: options of weir, and rules of WEIR_ROUTES.

A set-up is called plain, guard, page, page-front, others, watch, or after a set of rules: pool, arena, mixed, …
"""

import dataclasses

import harness
from guard_case import GuardWeir
from rule_sets import RULE_SETS, RoutedWeir

LONG = {"many_threads", "many_loads"}  # they run in mode=leak, and where they are named
PLAIN = {"usable_of_none"}  # guards and routes give what was asked for
# With system calls for each block they take minutes; mallinfo counts the parent's heap.
NOT_ON_PAGES = LONG | PLAIN | {"remote_free", "statistics"}


class WatchedWeir(harness.Weir):
    """Each stack is noted, and rules look at each request that take nothing."""

    def preloaded(self, options="", json_directory=None, **more):
        watch = f"alloc_stacks={self.path('%p.stacks')}:fail='size=123456789 nth=1000000;caller=nobody_at_all'"
        return super().preloaded(f"{watch}:{options}" if options else watch, json_directory, **more)


@dataclasses.dataclass
class SetUp:
    weir: harness.Weir
    modes: tuple = ("leak",)  # of those that a program's header has
    left_out: set = dataclasses.field(default_factory=lambda: LONG | PLAIN)


def set_up(name, weir):
    arguments = (weir.library, weir.tool, weir.cache)
    if name == "plain":
        return SetUp(weir)
    if name == "guard":
        return SetUp(GuardWeir(*arguments))
    if name in ("page", "page-front"):
        return SetUp(GuardWeir(*arguments, f"guard={name}"), left_out=NOT_ON_PAGES)
    if name == "others":  # the blocks of mode=leak beside those on pages
        return SetUp(GuardWeir(*arguments, "guard=page:guard_every=3:guard_others=none"), left_out=NOT_ON_PAGES)
    if name == "sampled":
        return SetUp(GuardWeir(*arguments, "guard=page:guard_every=100"), left_out=NOT_ON_PAGES)
    if name == "watch":
        return SetUp(WatchedWeir(*arguments), ("leak", "pass"), LONG)
    # The parent's own report shows nothing of a route.
    return SetUp(RoutedWeir(*arguments, RULE_SETS[name], ""), ("leak", "pass"), LONG | PLAIN | {"jemalloc_options"})
