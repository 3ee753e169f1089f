"""Each file of core/, shim/ and tools/ includes what it uses: alone.py SOURCE_ROOT

The build puts files together, or gives them precompiled headers; here each is compiled by itself, as far as its errors.
"""

import concurrent.futures
import os
import subprocess
import sys

import house
from compiler import ARGUMENTS, LAYERS


def compile_alone(root, path):
    run = subprocess.run(["g++", "-fsyntax-only", *ARGUMENTS, path], cwd=root, capture_output=True, text=True)
    return run.stderr if run.returncode != 0 else ""


def check(root):
    files = [path for path in house.code_files(root, *LAYERS) if path.endswith(".cpp")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [output for output in pool.map(lambda path: compile_alone(root, path), files) if output]


house.finish(check(sys.argv[1]))
