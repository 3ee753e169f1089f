"""Programs that handle SIGSEGV themselves: handlers.py LIBRARY TOOL CACHE [PATTERN]

Whatever the program prints and however it ends, behind weir's handler it is the same as natively; so it is with
guard=canary, where weir has none.
"""

import os
import sys

import harness
from guard_case import GuardWeir

SOURCE = os.path.join(harness.HERE, "guard_pages", "programs", "handlers.c")
SCENARIOS = """null null_in_child vfork wild wild_low wild_large not_canonical raise kill query handler information alternate
alternate_unused reset nested nested_deferred ignored returns barrier barrier_at_exit signal sysv_signal sigset
hidden_name kernel""".split()


def same_as_natively(weir, scenario, options):
    program = weir.build(SOURCE, ["-O1", "-pthread", "-ldl"])
    native = weir.run([program, scenario], preload=False)
    guarded = weir.run([program, scenario], "leak_check_at_exit=0:" + options)
    try:
        harness.check(native.stdout or native.status != 0, "the scenario does nothing")
        harness.equal(guarded.stdout.decode(), native.stdout.decode(), "what the program sees")
        harness.equal(guarded.status, native.status, "exit status")
        harness.equal(guarded.stderr, b"", "standard error")
    except harness.Failure as failure:
        raise harness.Failure(f"{failure}\n{guarded.describe()}") from None


def main():
    weir = GuardWeir(*sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    harness.run_cases((f"{scenario} {options}", lambda scenario=scenario, options=options: same_as_natively(weir, scenario, options))
                      for scenario in SCENARIOS for options in ("guard=page", "guard=page-front", "guard=canary")
                      if pattern in f"{scenario} {options}")


main()
