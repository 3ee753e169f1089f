"""Programs that use the heap hard and rightly: storms.py LIBRARY TOOL CACHE [PATTERN]

Random operations against a model, forks while all threads allocate, threads that start and end: nothing is reported
and nothing is lost, whatever is checked meanwhile. FUZZ_SEED, FUZZ_OPERATIONS, FORKS and THREADS of the environment
say how long and which.
"""

import os
import sys

import harness
from guard_case import GuardWeir

SETTINGS = ("FUZZ_SEED", "FUZZ_OPERATIONS", "FUZZ_THREADS", "FORKS", "THREADS")
PROGRAMS = {"fuzz.cpp": {"FUZZ_OPERATIONS": "3000", "FUZZ_THREADS": "4"} if harness.ALL else {"FUZZ_OPERATIONS": "200", "FUZZ_THREADS": "3"}, "forks.c": {"FORKS": "6" if harness.ALL else "2"},
            "threads_gone.c": {"THREADS": "2000" if harness.ALL else "1000"}}
OPTIONS = {
    "default": "",
    "few are held back": "quarantine_blocks=64",
    "none is held back": "quarantine_bytes=0",
    "many are held back": "quarantine_bytes=256M:quarantine_blocks=1M",
    "often checked": "check_every=20000:check_period_ms=20",
    "filled": "max_malloc_fill_size=1M:max_free_fill_size=8M",
    "without stacks": "stacks=none",
}
# threads_gone.c says that memory stays bounded, while a large quarantine still fills.
WITH = {"fuzz.cpp": list(OPTIONS), "forks.c": ["default", "often checked", "without stacks"],
        "threads_gone.c": ["few are held back", "without stacks"]}
RULES = {"pool": "* -> pool", "arena": "* -> arena", "mixed": "size<=256 -> pool; thread=w* -> arena; * -> parent"}
if not harness.ALL:
    WITH = {"fuzz.cpp": ["default", "none is held back", "often checked"], "forks.c": ["often checked"],
            "threads_gone.c": ["few are held back"]}
    RULES = {"mixed": RULES["mixed"]}


def storm(weir, program, options, rules=""):
    built = weir.build(f"routes/programs/{program}", ["-O2", "-pthread"])
    given = {name: os.environ[name] for name in SETTINGS if name in os.environ}
    routes = {"WEIR_ROUTES": rules} if rules else {}
    result = weir.run([built], options, env={**PROGRAMS[program], **given, **routes}, timeout=300)
    harness.equal((result.status, result.stderr.decode(errors="replace")), (0, ""), "status and standard error")


def cases(weir):
    for program, names in WITH.items():
        for name in names:
            yield f"{program} {name}", lambda program=program, name=name: storm(weir, program, OPTIONS[name])
    for name, rules in RULES.items():
        for program in ("fuzz.cpp", "forks.c"):
            yield f"{program} {name}", lambda program=program, rules=rules: storm(weir, program, "", rules)


def main():
    weir = GuardWeir(*sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    harness.run_cases((name, function) for name, function in cases(weir) if pattern in name)


main()
