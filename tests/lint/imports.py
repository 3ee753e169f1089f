"""What libweir.so asks the loader for by name: a program that defines the name gets the call, with weir's arguments.

So a name is reserved (it begins with _), is one of ISO C's that does the same for whoever calls it, or goes by a word
that holds libc's own before the first allocation (shim/parent/imports.def)."""

import os
import re
import subprocess
import sys

import house

ROW = re.compile(r"^WEIR_OF_LIBC\((\w+)\)")
# A program's own must do what libc's does, whoever calls it: ISO C reserves the names, and compilers call them.
OF_ISO_C = {"memchr", "memcmp", "memcpy", "memmove", "memset", "strchr", "strcmp", "strcpy", "strlen", "strncmp", "strncpy"}
# Why each is harmless.
OTHERS = {
    "gnu_get_libc_version",  # by its address alone: where libc lies
    "pthread_once",          # weak, and of the unwinder's part that is never run
    "strnlen",               # as ISO C's
}
# Referred to and never called: what the words hold before they are bound.
CALLS = re.compile(r"R_X86_64_GLOB_DAT|R_X86_64_JUMP_SLO")


def check(root, library):
    led_to_libc = {match[1] for match in map(ROW.match, house.lines(root, os.path.join("shim", "parent", "imports.def")))
                   if match}
    relocations = subprocess.run(["readelf", "--wide", "--relocs", library], check=True, capture_output=True,
                                 text=True).stdout
    called = {line.split()[4].split("@")[0] for line in relocations.splitlines() if CALLS.search(line)}
    defined = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library], check=True,
                             capture_output=True, text=True).stdout
    own = {line.split()[0].split("@")[0] for line in defined.splitlines()}
    complaints = []
    for name in sorted(called - own):
        if name.startswith("_") or name in OF_ISO_C or name in OTHERS:
            continue
        what = "past its row in imports.def" if name in led_to_libc else "which a program may define"
        complaints.append(f"calls {name}, {what}")
    return complaints + ([] if led_to_libc and called else ["shim/parent/imports.def or the relocations cannot be read"])


house.finish(check(sys.argv[1], sys.argv[2]))
