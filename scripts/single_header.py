#!/usr/bin/env python3
"""Writes core/ as one header: single_header.py ROOT OUTPUT [--depfile FILE] [--version VERSION]

Each header once, after those that it includes; what the .cpp files hold behind WEIR_IMPLEMENTATION, which one source of a
program defines. `meson compile single-header` runs it. What needs more than the standard library and the system, as
GoogleTest's and fmt's headers do, is left out; what needs exceptions is there where they are.
"""

import argparse
import os
import re

QUOTED = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
LEFT_OUT = ("core/format.hpp", "core/testing/gtest.hpp", "core/testing/source_lines.hpp")
WANTS_EXCEPTIONS = re.compile(r"#ifndef __cpp_exceptions\n#error[^\n]*\n#endif\n")


def files(root, extension):
    core = os.path.join(root, "core")
    found = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(core) for name in names]
    return sorted(path for path in found if path.endswith(extension) and path not in LEFT_OUT)


class Writer:
    def __init__(self, root):
        self.root = root
        self.texts = []
        self.written = set()

    def write(self, path):
        """The file's text, after that of what it includes."""
        if path in self.written:
            return
        self.written.add(path)
        own = []
        with open(os.path.join(self.root, path), encoding="utf-8") as text:
            for line in text:
                match = QUOTED.match(line)
                if match:
                    self.write(self.named(path, match[1]))
                elif not line.startswith("#pragma once"):
                    own.append(line)
        body, wanting = WANTS_EXCEPTIONS.subn("", "".join(own))
        self.texts.append(f"// ---- {path} ----\n")
        self.texts.append(f"#ifdef __cpp_exceptions\n{body.strip()}\n#endif\n\n" if wanting else body.strip() + "\n\n")

    def named(self, path, header):
        """Headers name each other relative to themselves, sources from the root."""
        for folder in (os.path.dirname(path), ""):
            named = os.path.normpath(os.path.join(folder, header))
            if os.path.exists(os.path.join(self.root, named)):
                return named
        raise SystemExit(f"{path}: no header is called {header}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root")
    parser.add_argument("output")
    parser.add_argument("--depfile")
    parser.add_argument("--version", default="")
    arguments = parser.parse_args()

    writer = Writer(arguments.root)
    sources = files(arguments.root, ".cpp")
    internal = set()  # headers that only the implementation includes: not users'
    for path in sources:
        with open(os.path.join(arguments.root, path), encoding="utf-8") as text:
            internal |= {writer.named(path, match[1]) for match in map(QUOTED.match, text) if match}
    headers = files(arguments.root, ".hpp")
    installed_out = internal & {path for path in headers if "Not installed." in first_lines(arguments.root, path)}
    for path in headers:
        if path not in installed_out:
            writer.write(path)
    writer.texts.append("#ifdef WEIR_IMPLEMENTATION\n\n")
    for path in sources:
        writer.write(path)
    writer.texts.append("#endif  // WEIR_IMPLEMENTATION\n")

    with open(arguments.output, "w", encoding="utf-8") as output:
        output.write(f"// weir {arguments.version}: the allocators of core/ as one header, of {len(writer.written)} files.\n"
                     "// SPDX-License-Identifier: Apache-2.0\n//\n"
                     "// C++20. One source of a program defines WEIR_IMPLEMENTATION before it includes this:\n"
                     "//   #define WEIR_IMPLEMENTATION\n//   #include \"weir.hpp\"\n#pragma once\n\n")
        output.writelines(writer.texts)
    if arguments.depfile:
        with open(arguments.depfile, "w", encoding="utf-8") as depfile:
            paths = " ".join(os.path.join(arguments.root, path) for path in sorted(writer.written))
            depfile.write(f"{arguments.output}: {paths}\n")


def first_lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        return text.read(500)


main()
