"""The house is a dependency order: core <- shim <- (findings) -> tools. Nobody includes upwards.

core/   the standard library and core/, where headers name each other relative to themselves, because they are installed
        and a program may have a folder core/ of its own; the operating system in core/pages.cpp, and in
        core/mapped_file*.cpp, because files want calls (open, fstat, msync...) that no allocator should have at hand; futexes
        in core/process_semaphore.cpp; GoogleTest and the C library's stacks in core/testing/, for tests to include;
        fmt in core/format.hpp, for who wants it; the interfaces of AddressSanitizer and Valgrind in
        core/sanitizers.hpp, where they are there
shim/   core/ and shim/; jemalloc's names in shim/parent/ alone; libunwind.h in one file
tools/  tools/ and shim/abi/; spdlog, fmt and their like nowhere else but for that. What a compiler takes seconds for is
        included once: nlohmann/json in tools/json/json.cpp, CLI11 in tools/main.cpp; of fmt <fmt/core.h>
"""

import os
import re
import sys

import house

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
STANDARD = set("""algorithm array atomic bit cassert cerrno charconv chrono cinttypes climits compare concepts
condition_variable cstdarg
cstddef cstdint cstdio cstdlib cstring ctime exception functional initializer_list iterator limits memory
memory_resource mutex new numeric optional ranges span string string_view thread tuple type_traits utility
vector version""".split())
OF_TOOLS = ("spdlog/", "fmt/", "CLI/", "nlohmann/", "elfutils/", "gelf.h", "libelf.h", "dwarf.h")
COSTLY = {"nlohmann/json.hpp": "tools/json/json.cpp", "CLI/CLI.hpp": "tools/main.cpp"}
MAY_INCLUDE = {"core": ("core/",), "shim": ("core/", "shim/"), "tools": ("tools/", "shim/abi/")}
FMT_IN_CORE = "core/format.hpp"
SYSTEM_IN_CORE = {FMT_IN_CORE, "core/file_calls.hpp", "core/mapped_file.cpp", "core/mapped_file_sharing.cpp",
                  "core/pages.cpp", "core/process_semaphore.cpp", "core/sanitizers.hpp", "core/testing/gtest.hpp",
                  "core/testing/source_lines.hpp"}


def included(root, path):
    for number, line in enumerate(house.lines(root, path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def check(root):
    complaints = []
    unwinders = set()
    for path in house.code_files(root, *MAY_INCLUDE):
        layer = path.split("/")[0]
        for number, quoted, header in included(root, path):
            where = f"{path}:{number}: includes {header}"
            if quoted and layer == "core" and path.endswith(".hpp"):
                named = os.path.normpath(os.path.join(os.path.dirname(path), header))
                if not named.startswith("core/") or not os.path.exists(os.path.join(root, named)):
                    complaints.append(f"{where}: that is no header of core/, seen from this one")
            elif quoted and not header.startswith(MAY_INCLUDE[layer]):
                beside = os.path.join(root, os.path.dirname(path), header)
                complaints.append(f"{where}: {layer}/ may include only {', '.join(MAY_INCLUDE[layer])}"
                                  + (" (name it from the root)" if os.path.exists(beside) else ""))
            if not quoted and header.split("/")[0] in ("core", "shim", "tools"):
                complaints.append(f"{where}: the project's own headers are quoted")
            if layer == "core" and not quoted and header not in STANDARD and path not in SYSTEM_IN_CORE:
                complaints.append(f"{where}: core/ knows the standard library only")
            if layer != "tools" and header.startswith(OF_TOOLS) and path != FMT_IN_CORE:
                complaints.append(f"{where}: this library belongs to tools/")
            if path != COSTLY.get(header, path):
                complaints.append(f"{where}: that costs seconds, and is for {COSTLY[header]} alone")
            if header.startswith("fmt/") and header != "fmt/core.h":
                complaints.append(f"{where}: <fmt/core.h> is enough, and costs a third (tools/join.hpp joins)")
            if "jemalloc" in header and not path.startswith("shim/parent/"):
                complaints.append(f"{where}: jemalloc is known to shim/parent/ alone")
            if header.startswith("libunwind"):
                unwinders.add(path)
        if layer == "shim" and not path.startswith("shim/parent/"):
            for number, line in enumerate(house.lines(root, path), 1):
                if re.search(r"\b(weir_je_|je_)\w+", line.split("//")[0]):
                    complaints.append(f"{path}:{number}: jemalloc's names are known to shim/parent/ alone")
    if len(unwinders) > 1:
        complaints.append(f"libunwind.h is for one file, not for {', '.join(sorted(unwinders))}")
    complaints += [f"{path}: libunwind belongs to shim/" for path in unwinders if not path.startswith("shim/")]
    return complaints


house.finish(check(sys.argv[1]))
