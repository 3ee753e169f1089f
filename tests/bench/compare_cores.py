"""The allocators of core/ in a process of their own, in nanoseconds a block."""

import glob
import json
import os
import subprocess

from measure import MOST_SECONDS, Failed, Ratio
from table import Row

HEADINGS = {"cores": "ns of CPU a block, in the process, 64 bytes where nothing else is said"}

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

# Benchmarks of workloads/cores/cores.cpp: what the line is called, and the most that it may take.
NAMES = {
    "bump/equal": ("bump, allocate", 1.5),
    "bump/mixed": ("bump, allocate, mixed sizes", 1.5),
    "arena/equal": ("arena, allocate and reset", 1.5),
    "arena/mixed": ("arena, the same, mixed sizes", 1.5),
    "fixed_buffer/equal": ("fixed buffer, allocate", None),
    "fixed_buffer/mixed": ("fixed buffer, mixed sizes", None),
    "shared_fixed_buffer/equal": ("shared fixed buffer", None),
    "pool/pair": ("Pool<T>", 3),
    "pool/hundred": ("Pool<T>, a hundred at once", 3),
    "block_pool/pair": ("BlockPool", 3),
    "block_pool/hundred": ("BlockPool, a hundred at once", 3),
    "thread_safe_pool/pair/threads:1": ("ThreadSafePool", 6),
    "thread_safe_pool/hundred/threads:1": ("ThreadSafePool, a hundred", 6),
    "thread_safe_pool/pair/threads:2": ("ThreadSafePool, two threads", None),
    "thread_safe_pool/hundred/threads:2": ("ThreadSafePool, two, a hundred", None),
    "shared_pool/pair/threads:1": ("SharedPool<T>", None),
    "shared_pool/pair/threads:2": ("SharedPool<T>, two threads", None),
    "glibc_64/pair/threads:1": ("malloc, free", None),
    "glibc_64/pair/threads:2": ("malloc, free, two threads", None),
    "glibc_64/hundred/threads:1": ("malloc, free, a hundred", None),
    "glibc_64/hundred/threads:2": ("malloc, free, two, a hundred", None),
    "tiered": ("mixed: TieredPool", None),
    "glibc": ("mixed: malloc, free", None),
    "unsynchronized": ("mixed: std::pmr unsynchronized", None),
    "synchronized": ("mixed: std::pmr synchronized", None),
    "monotonic": ("mixed: std::pmr monotonic", None),
}


def cores(setting, table):
    pages = glob.glob(os.path.join(ROOT, "core", "page*.cpp"))  # the rest is headers
    program = setting.compiled("cores", os.path.join("cores", "cores.cpp"), "-I", ROOT, *pages, "-lbenchmark", "-pthread")
    # Of each repetition the mean; the repetitions of all in another order each time.
    ran = subprocess.run(
        [program, "--benchmark_format=json", "--benchmark_enable_random_interleaving=true",
         f"--benchmark_repetitions={3 if setting.quick else 9}",
         f"--benchmark_min_time={0.02 if setting.quick else 0.1}"],
        capture_output=True, text=True, timeout=MOST_SECONDS)
    if ran.returncode != 0:
        raise Failed(f"cores: status {ran.returncode}: {ran.stderr[-300:]}")
    taken = {}
    for one in json.loads(ran.stdout)["benchmarks"]:
        if one.get("error_occurred"):
            raise Failed(f"{one['run_name']}: {one['error_message']}")
        if one["run_type"] == "iteration":
            taken.setdefault(one["run_name"], []).append(one["cpu_time"] / one["blocks"])
    if taken.keys() != NAMES.keys():
        raise Failed(f"not of one mind on the names: {sorted(taken.keys() ^ NAMES.keys())}")
    for run_name, (name, most) in NAMES.items():
        table.add(Row.of("cores", name, Ratio.of(taken[run_name]), unit="ns", most=most, more={"ns": taken[run_name]}))


GROUPS = {"cores": cores}
