"""The sets of rules that programs run under, and a Weir whose programs all run under one of them."""

import os
import sys

import harness

RULE_SETS = {
    "pool": "* -> pool",
    "arena": "* -> arena",
    "mixed": "size<=256 -> pool; thread=w* -> arena; * -> parent",
    "fixed": "* -> fixed(capacity=1M)",
    "fixed_shared": "* -> fixed(capacity=1M, shared)",
    "page": "* -> page",
    "arena_shared": "size<=1024 -> arena(shared)",
    "operators": "call=new* -> pool; * -> arena",
}
MAIN = ("pool", "arena", "mixed")
# One mapping a block: what makes many blocks, or asks glibc for few, is not run under it.
EVERYWHERE = tuple(name for name in RULE_SETS if name != "page")


class RoutedWeir(harness.Weir):
    """Every program that it starts preloaded runs under the rules, in a mode."""

    def __init__(self, library, tool, cache, rules, mode="leak", more_options=""):
        super().__init__(library, tool, cache)
        self.rules, self.mode, self.more_options = rules, mode, more_options

    def preloaded(self, options="", json_directory=None, **more):
        options = ":".join(filter(None, [options, self.more_options, f"mode={self.mode}" if self.mode else ""]))
        return super().preloaded(options, json_directory, **{"WEIR_ROUTES": self.rules, **more})


def routed(weir, name, mode="leak", more_options=""):
    return RoutedWeir(weir.library, weir.tool, weir.cache, RULE_SETS[name], mode, more_options)


def every(kind, weir, function, names, modes):
    """Cases (name, function) of function(weir under the rules) for each set of rules and mode."""
    return [(f"{kind} {name} {mode}", lambda name=name, mode=mode: function(routed(weir, name, mode)))
            for name in names for mode in modes]


def from_arguments():
    return harness.Weir(*sys.argv[1:4]), sys.argv[4:]


def seconds(name, otherwise):
    return float(os.environ.get(name, otherwise))
