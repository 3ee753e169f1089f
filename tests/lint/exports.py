"""libweir.so exports the functions that shim/hooks.def names, and nothing else."""

import os
import re
import subprocess
import sys

import house

ROW = re.compile(r"^\s*WEIR_\w+\(\s*([A-Za-z_]\w*)")


def check(root, library):
    table = os.path.join("shim", "hooks.def")
    named = {match[1] for match in map(ROW.match, house.lines(root, table)) if match}
    listed = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library],
                            check=True, capture_output=True, text=True).stdout
    exported = {line.split()[0].split("@")[0] for line in listed.splitlines() if line.split()[1] != "A"}
    return ([f"exports {name}, which {table} does not name" for name in sorted(exported - named)]
            + [f"does not export {name}, which {table} names" for name in sorted(named - exported)]
            + ([] if named else [f"{table} names no function"]))


house.finish(check(sys.argv[1], sys.argv[2]))
