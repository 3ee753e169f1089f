"""What libweir.so brings into a process: libc, and nothing that the program could see or trip over."""

import re
import subprocess
import sys

import house

MAY_NEED = {"libc.so.6", "ld-linux-x86-64.so.2"}
STATIC_TLS_LIMIT = 3072  # bytes a thread; 2632 are jemalloc's own, as in libjemalloc.so.2


def readelf(option, library):
    return subprocess.run(["readelf", "--wide", option, library], check=True, capture_output=True, text=True).stdout


def check(library):
    complaints = []
    dynamic = readelf("--dynamic", library)
    for name in re.findall(r"\(NEEDED\).*\[(.*?)\]", dynamic):
        if name not in MAY_NEED:
            complaints.append(f"needs {name}: only {', '.join(sorted(MAY_NEED))} may come along")
    if "TEXTREL" in dynamic:
        complaints.append("has text relocations")
    if "(RPATH)" in dynamic or "(RUNPATH)" in dynamic:
        complaints.append("has a run path, which would change where the program's libraries are found")
    if "IRELATIV" in readelf("--relocs", library):
        complaints.append("has IFUNC relocations: ld.so warns about them in every process")
    if re.search(r"\bIFUNC\b", readelf("--dyn-syms", library)):
        complaints.append("exports an IFUNC symbol")
    headers = readelf("--program-headers", library)
    if re.search(r"GNU_STACK.*\bRWE\b", headers):
        complaints.append("asks for an executable stack")
    tls = re.search(r"^\s*TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+(0x[0-9a-f]+)", headers, re.M)
    if tls and int(tls[1], 16) > STATIC_TLS_LIMIT:
        complaints.append(f"takes {int(tls[1], 16)} bytes of static TLS, more than {STATIC_TLS_LIMIT}")
    if re.search(r"__tls_get_addr|DTPMOD", readelf("--relocs", library)):
        complaints.append("uses dynamic TLS: __tls_get_addr may call malloc")
    return complaints


house.finish(check(sys.argv[1]))
