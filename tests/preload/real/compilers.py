"""gcc and g++ on sources of this project: driver, compiler proper, assembler and linker, the same objects."""

import os

import harness
from harness import check, equal
from twins import twins

HERE = harness.HERE


def read(path):
    with open(path, "rb") as file:
        return file.read()


def compiled(weir, argv, output):
    result = twins(weir, [*argv, "-I" + HERE], timeout=200)
    equal(result.status, 0, "status")
    same = read(os.path.join(result.native_place, output)) == read(os.path.join(result.place, output))
    check(same, f"{output} differs")


@harness.only_in_all
def test_c(weir):
    compiled(weir, ["gcc", "-O2", "-D_GNU_SOURCE", "-c", f"{HERE}/leaks/every_allocator.c", "-o", "out.o"], "out.o")


def test_cpp(weir):
    compiled(weir, ["g++", "-std=gnu++20", "-O1", "-c", f"{HERE}/leaks/containers.cpp", "-o", "out.o"], "out.o")


def test_link(weir):
    compiled(weir, ["g++", "-std=gnu++20", "-pthread", "-O0", "-Wl,--build-id=none",
                    f"{HERE}/interpose/thread_local.cpp", "-o", "out"], "out")


@harness.only_in_all
def test_link_time_optimisation(weir):
    compiled(weir, ["gcc", "-flto=2", "-O2", "-D_GNU_SOURCE", "-Wl,--build-id=none", f"{HERE}/leaks/tree.c",
                    "-DDEPTH=4", "-o", "out"], "out")


def test_errors(weir):
    twins(weir, ["g++", "-c", "wrong.cpp"], files={"wrong.cpp": "#include <map>\nstd::map<int> f(x) { return y; }\n"})


harness.main(globals())
