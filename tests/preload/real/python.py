"""python3: its own tests of threads, subprocesses, ctypes and multiprocessing; and a script."""

import importlib.util
import re

import harness
from harness import Skip, check
from twins import twins

PYTHON = "/usr/bin/python3"

SCRIPT = """
import collections, concurrent.futures, ctypes, hashlib, json, multiprocessing, re, sqlite3, subprocess, sys, threading, zlib

def work(n):
    return sum(hashlib.sha256(str(i).encode()).digest()[0] for i in range(n))

def main():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        print(list(pool.map(work, range(0, 4000, 200))))
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(3) as pool:
            print(method, pool.map(work, range(0, 2000, 250)))
    print(subprocess.run(["tr", "a-z", "A-Z"], input="through tr", text=True, capture_output=True).stdout)
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a, b)")
    db.executemany("insert into t values(?, ?)", ((i, str(i) * 10) for i in range(5000)))
    print(db.execute("select count(*), sum(a), max(b) from t").fetchone())
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(100); libc.free(ctypes.c_void_p(block))
    data = json.dumps({str(i): list(range(i)) for i in range(200)})
    print(len(data), zlib.crc32(zlib.compress(data.encode())), collections.Counter(re.findall("[0-9]", data))["7"])
    sys.exit(6)

if __name__ == "__main__":
    main()
"""


def outcome(text):
    """What of unittest's output must agree: how many tests ran, and how they ended."""
    return re.findall(r"^(?:Ran \d+ tests|OK.*|FAILED.*|(?:FAIL|ERROR): .*)", text, re.M)


def own_tests(weir, *modules):
    if importlib.util.find_spec("test.test_threading") is None:
        raise Skip("libpython3.11-testsuite is not installed")
    result = twins(weir, [PYTHON, "-m", "unittest", "-q", *modules], normalise=outcome, timeout=3000, together=True)
    check(result.status == 0, result.describe())


def test_script(weir):
    twins(weir, [PYTHON, "script.py"], files={"script.py": SCRIPT})


def test_script_without_its_own_allocator(weir):
    twins(weir, [PYTHON, "script.py"], files={"script.py": SCRIPT}, env={"PYTHONMALLOC": "malloc"})


@harness.only_in_all
def test_threading(weir):
    own_tests(weir, "test.test_threading", "test.test_thread")


@harness.only_in_all
def test_fork(weir):
    own_tests(weir, "test.test_fork1")


@harness.only_in_all
def test_asyncio(weir):
    own_tests(weir, "test.test_asyncio.test_subprocess", "test.test_asyncio.test_locks")


@harness.only_in_all
def test_subprocess(weir):
    own_tests(weir, "test.test_subprocess")


@harness.only_in_all
def test_ctypes(weir):
    own_tests(weir, "test.test_ctypes")


@harness.only_in_all
def test_multiprocessing(weir):
    own_tests(weir, "test.test_multiprocessing_fork")


harness.main(globals())
