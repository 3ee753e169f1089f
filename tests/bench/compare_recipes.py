"""What is said of arenas, pools, fixed buffers and mapped files: how often as long as core/ others take, in the process."""

import glob
import json
import os
import subprocess

from measure import MOST_SECONDS, Failed, Ratio
from table import Row

HEADINGS = {"recipes": "CPU of another way / CPU of core/'s in the same process"}

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LEAST = 1.0  # nobody is to be faster at the same shape

# The shapes of workloads/cores/recipes.cpp, and what the recipes and the libraries' own words promise there.
SHAPES = {"arena": "arena, 64 B", "arena_1k": "arena, 1 KiB, written", "buffer": "fixed buffer, 100 B, written",
          "pair": "pool, one block", "hundred": "pool, a hundred", "mixed": "pool of all sizes",
          "file_1m": "file of 1 MiB, sum", "file_64m": "file of 64 MiB, sum", "records_64m": "records of 64 MiB"}
JUDGED = ("arena", "arena_1k", "buffer", "pair", "hundred", "mixed")
PEERS = {"HAVE_BOOST": ("boost/pool/pool.hpp", ()),
         "HAVE_FOONATHAN": ("foonathan/memory/memory_pool.hpp", ("-lfoonathan_memory",))}
FOONATHAN = ("/usr/include/foonathan_memory", "/usr/include/{}/foonathan_memory")


def peers(folders):
    """The compiler's arguments for those libraries that are installed."""
    arguments = [argument for folder in folders for argument in ("-isystem", folder)]
    for macro, (header, libraries) in PEERS.items():
        there = subprocess.run(["g++", "-std=c++20", *arguments, "-E", "-x", "c++", "-include", header, os.devnull],
                               capture_output=True, check=False)
        if there.returncode == 0:
            arguments += ["-D" + macro, *libraries]
    return arguments


def recipes(setting, table):
    triplet = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    sources = glob.glob(os.path.join(ROOT, "core", "*.cpp"))
    program = setting.compiled("recipes", os.path.join("cores", "recipes.cpp"), "-I", ROOT, *sources,
                               *peers([folder.format(triplet) for folder in FOONATHAN]), "-lbenchmark", "-pthread")
    # Of each repetition the mean; the repetitions of all in another order each time.
    ran = subprocess.run(
        [program, "--benchmark_format=json", "--benchmark_enable_random_interleaving=true",
         f"--benchmark_repetitions={3 if setting.quick else 9}",
         f"--benchmark_min_time={0.01 if setting.quick else 0.05}"],
        capture_output=True, text=True, timeout=MOST_SECONDS, env={**os.environ, "BENCH_FOLDER": setting.scratch})
    if ran.returncode != 0:
        raise Failed(f"recipes: status {ran.returncode}: {ran.stderr[-300:]}")
    taken = {}
    for one in json.loads(ran.stdout)["benchmarks"]:
        if one["run_type"] == "iteration":
            shape, who = one["run_name"].split("/", 1)
            taken.setdefault(shape, {}).setdefault(who, {})[one["repetition_index"]] = one["cpu_time"]
    if taken.keys() != SHAPES.keys():
        raise Failed(f"not of one mind on the shapes: {sorted(taken.keys() ^ SHAPES.keys())}")
    for shape, name in SHAPES.items():
        ours = taken[shape].pop("weir")
        for who, times in sorted(taken[shape].items()):
            ratio = Ratio.of([times[index] / ours[index] for index in sorted(ours)])
            table.add(Row.of("recipes", f"{name}: {who}", ratio, least=LEAST if shape in JUDGED else None))


GROUPS = {"recipes": recipes}
