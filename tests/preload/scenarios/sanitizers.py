"""Programs that bring a sanitizer's runtime run as natively, and one line says that weir steps aside:
sanitizers.py LIBRARY TOOL CACHE"""

import shutil

import harness
from harness import Skip, check, equal

NAMES = {"address": "AddressSanitizer", "thread": "ThreadSanitizer", "memory": "MemorySanitizer"}
# The compiler, the sanitizer, and how the runtime gets in: a shared one must come first, and so no preload can be had.
IN_PROCESS = [("clang++", "address", []),
              ("clang++", "thread", []), ("clang++", "memory", [])]
SHARED = [("g++", "thread", []), ("g++", "address", [])]


def build(weir, compiler, kind, flags):
    if shutil.which(compiler) is None:
        raise Skip(f"{compiler} is not here")
    name = f"sanitized-{compiler}-{kind}"
    return weir.build("scenarios/programs/sanitized.cpp", ["-O1", "-pthread", f"-fsanitize={kind}", *flags], name, compiler)


def test_preloaded(weir):
    for compiler, kind, flags in IN_PROCESS:
        result = weir.run([build(weir, compiler, kind, flags)])
        said = f"weir: {NAMES[kind]} is in this program, with a heap of its own: weir steps aside\n"
        equal((result.status, result.stdout, result.stderr.decode()), (3, b"came to its end\n", said), f"{compiler} {kind}")


def test_started_by_weir_run(weir):
    for compiler, kind, flags in IN_PROCESS + SHARED:
        program = build(weir, compiler, kind, flags)
        result = weir.run([weir.tool, "run", "--", program], preload=False)
        said = (f"weir: {program} is built with {NAMES[kind]}, which has a heap of its own: "
                "the preload cannot take effect, it runs without weir\n")
        equal((result.status, result.stdout), (3, b"came to its end\n"), f"{compiler} {kind}")
        check(result.stderr.decode() == said, f"{compiler} {kind}: {result.stderr.decode()}")


harness.main(globals())
