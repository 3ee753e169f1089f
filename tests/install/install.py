"""Installs the build into a temporary directory, moves it, and works with what lies there.

install.py BUILD_ROOT

A packager installs under a destination that is no prefix, a user unpacks or moves a prefix to where it suits:
the library must find its tool and the tool its library from wherever they lie together.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 60
LEAKY = """
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) static void lose_one(void) { malloc(4321); }
int main(int argc, char** argv) {
  lose_one();
  return argc > 1 && chdir(argv[1]) != 0;
}
"""


OF_THE_LIBRARY = """
#include <weir/core/arena.hpp>
#include <weir/core/fixed_buffer.hpp>
#include <weir/core/typed.hpp>
#include <weir/core/any_allocator.hpp>
int main() {
  weir::FixedBufferOf<64> buffer;
  weir::Arena<> arena;
  weir::AnyAllocator any(arena);
  int* const first = weir::create<int>(buffer, 40);
  int* const second = weir::create<int>(any, 2);
  return first != nullptr && second != nullptr && arena.owns(second) ? *first + *second : 1;
}
"""


class Failure(Exception):
    """An expectation did not hold; the text says which."""


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, **more)


def output_of(command, **more):
    done = run(command, **more)
    if done.returncode != 0:
        raise Failure(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("LD_PRELOAD", "DESTDIR", "DEBUGINFOD_URLS") and not name.startswith(("WEIR_", "PKG_"))}
    return {**kept, **more}


def build_options(build):
    listed = json.loads(output_of(["meson", "introspect", build, "--buildoptions"]))
    return {option["name"]: option["value"] for option in listed}


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Installed:
    """A prefix as it lies on the disk now."""

    def __init__(self, root, options):
        self.root, self.options = root, options
        self.library = os.path.join(root, options["libdir"], "libweir.so")
        self.tool = os.path.join(root, options["bindir"], "weir")
        self.manual = os.path.join(root, options["mandir"], "man1", "weir.1")
        self.description = os.path.join(root, options["libdir"], "pkgconfig", "weir.pc")
        self.core = os.path.join(root, options["libdir"], "libweir_core.a")
        self.core_description = os.path.join(root, options["libdir"], "pkgconfig", "weir-core.pc")
        self.scopes = os.path.join(root, options["includedir"], "weir.h")
        self.headers = os.path.join(root, options["includedir"], "weir", "core")


OF_SOURCES = {"file_calls.hpp"}  # headers that only sources of core/ include


def files_below(root):
    return {os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names}


def check_is_whole(place, source):
    core = os.path.join(source, "core")
    headers = {os.path.relpath(path, core) for path in files_below(core) if path.endswith(".hpp")} - OF_SOURCES
    found = files_below(place.root)
    wanted = {place.library, place.tool, place.manual, place.description, place.core, place.core_description,
              place.scopes}
    wanted |= {os.path.join(place.headers, header) for header in headers}
    expect(found == wanted, f"not installed: {sorted(wanted - found)}; installed, too: {sorted(found - wanted)}")


def check_report(what, done):
    told = f"{what}: status {done.returncode}\n{done.stderr}"
    expect(done.returncode == 23, f"{told}\n(expected 23)")
    expect("Direct leak of 4321 byte(s) in 1 object(s)" in done.stderr, f"{told}\n(the leak is not in it)")
    expect(re.search(r"in lose_one \S*leaky\.c:3:", done.stderr), f"{told}\n(without names: the tool was not found)")


def check_work(place, leaky, scratch):
    plain = clean_environment()
    check_report("weir run", run([place.tool, "run", "--", leaky], env=plain))
    by_path = clean_environment(PATH=os.path.dirname(place.tool) + ":" + os.environ["PATH"])
    check_report("weir run by PATH", run(["weir", "run", "--", leaky], env=by_path))
    link = os.path.join(scratch, "link-to-weir")
    os.symlink(place.tool, link)
    check_report("weir run by a link", run([link, "run", "--", leaky], env=plain))
    os.remove(link)

    check_report("preloaded", run([leaky], env=clean_environment(LD_PRELOAD=place.library)))
    folder, name = os.path.split(place.library)
    by_folder = clean_environment(LD_PRELOAD=name, LD_LIBRARY_PATH=folder)
    check_report("preloaded by name", run([leaky], env=by_folder))
    relative = clean_environment(LD_PRELOAD="./" + name)
    check_report("preloaded by a relative path", run([leaky, "/"], env=relative, cwd=folder))


def check_manual(place, version):
    expect(output_of([place.tool, "--version"]).split()[-1] == version, "weir --version tells another version")
    if shutil.which("man"):
        page = output_of(["man", "-l", place.manual], env=clean_environment(MANPAGER="cat", MANWIDTH="100", LC_ALL="C"))
        expect("weir" in page.lower(), f"man shows nothing of weir:\n{page}")


def check_description(place, version):
    """weir.pc says where things lie under the configured prefix, and under another when it is told that."""
    prefix = place.options["prefix"]
    environment = clean_environment(PKG_CONFIG_PATH=os.path.dirname(place.description))

    def ask(*arguments):
        return output_of(["pkg-config", *arguments, "weir"], env=environment)

    expect(ask("--modversion") == version, "pkg-config --modversion tells another version")
    for variable, path in (("preload", place.library), ("tool", place.tool),
                           ("libdir", os.path.dirname(place.library)), ("bindir", os.path.dirname(place.tool))):
        below = os.path.relpath(path, place.root)
        told = ask(f"--variable={variable}")
        expect(told == os.path.join(prefix, below), f"pkg-config: {variable} is {told}")
        told = ask(f"--define-variable=prefix={place.root}", f"--variable={variable}")
        expect(told == path, f"pkg-config with another prefix: {variable} is {told}")
    expect(ask("--libs", "--cflags") == "", "weir.pc makes programs link weir")


OF_OTHER_LIBRARIES = {"format.hpp": "fmt/core.h", "testing/gtest.hpp": "gtest/gtest.h"}


def check_core(place, version, scratch):
    """A program is compiled and linked with the allocators as weir-core.pc says, and works."""
    environment = clean_environment(PKG_CONFIG_PATH=os.path.dirname(place.core_description))

    def ask(*arguments):
        return output_of(["pkg-config", f"--define-variable=prefix={place.root}", *arguments, "weir-core"],
                         env=environment)

    expect(ask("--modversion") == version, "pkg-config --modversion of weir-core tells another version")
    source, program = os.path.join(scratch, "of_the_library.cpp"), os.path.join(scratch, "of_the_library")
    with open(source, "w", encoding="utf-8") as text:
        text.write(OF_THE_LIBRARY.lstrip("\n"))
    output_of(["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *ask("--cflags").split(), source, "-o", program,
               *ask("--libs").split()])
    status = run([program]).returncode
    expect(status == 42, f"a program on weir-core ends with status {status}, not 42")
    check_all_headers_in_one(place, ask("--cflags").split(), scratch)


def check_all_headers_in_one(place, cflags, scratch):
    """All headers go in one source, in any order, beside headers of the program's own with the same names."""
    own = os.path.join(scratch, "own")
    headers = sorted(os.path.relpath(path, place.headers) for path in files_below(place.headers))
    for header in headers:
        path = os.path.join(own, "core", header)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as text:
            text.write("inline int of_the_program() { return 0; }\n" if header == "arena.hpp" else
                       "#error a header of weir has found this one\n")

    def has(library):
        return run(["c++", "-E", "-x", "c++", "-include", library, os.devnull]).returncode == 0

    without = {header for header, library in OF_OTHER_LIBRARIES.items() if not has(library)}
    wanted = ["weir/core/" + header for header in headers if header not in without] + ["weir.h"]
    for order in (wanted, wanted[::-1]):
        # Each is found by its own name, and arena.hpp of core/ is the program's, wherever it looks first.
        source = "".join(f"#include <{header}>\n" for header in order)
        source += '#include "core/arena.hpp"\nint main() { return of_the_program(); }\n'
        for flags in ([*cflags, "-I" + own], ["-I" + own, *cflags]):
            output_of(["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *flags, "-fsyntax-only", "-x", "c++", "-"],
                      input=source, cwd=scratch)


def main(build):
    options = build_options(build)
    version = json.loads(output_of(["meson", "introspect", build, "--projectinfo"]))["version"]
    house = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with tempfile.TemporaryDirectory(prefix="weir-install-") as scratch:
        source, leaky = os.path.join(scratch, "leaky.c"), os.path.join(scratch, "leaky")
        with open(source, "w", encoding="utf-8") as text:
            text.write(LEAKY.lstrip("\n"))
        output_of(["cc", "-g", "-O0", "-o", leaky, "leaky.c"], cwd=scratch)

        destination = os.path.join(scratch, "destination")
        output_of(["meson", "install", "--no-rebuild", "-C", build, "--destdir", destination],
                  env=clean_environment())
        place = Installed(destination + options["prefix"], options)
        check_is_whole(place, house)
        check_work(place, leaky, scratch)

        moved = Installed(os.path.join(scratch, "elsewhere", "weir-moved"), options)
        os.mkdir(os.path.dirname(moved.root))
        shutil.move(place.root, moved.root)
        shutil.rmtree(destination)
        check_is_whole(moved, house)
        check_work(moved, leaky, scratch)
        check_manual(moved, version)
        check_description(moved, version)
        check_core(moved, version, scratch)


try:
    main(sys.argv[1])
except Failure as failure:
    print(failure)
    sys.exit(1)
