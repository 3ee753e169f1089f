"""core/ as one header: a program of two sources compiles with it alone, and runs; also without exceptions."""

import os
import subprocess
import sys
import tempfile

MAIN = r"""
#define WEIR_IMPLEMENTATION
#include "weir.hpp"
int elsewhere(weir::Arena<>& arena);
int main() {
  weir::Arena<> arena;
  weir::Counting counting(arena);
  int* number = weir::create<int>(counting, 40);
  weir::MappedFile file;
  weir::ProcessSemaphore semaphore(1);
  semaphore.acquire();
  if (number == nullptr || file.open("/nowhere") == 0 || counting.counts().allocations != 1) return 1;
  return *number + elsewhere(arena) - 42;
}
"""
OTHER = r"""
#include "weir.hpp"
int elsewhere(weir::Arena<>& arena) {
  weir::Pool<int, weir::Arena<>> pool(arena);
#ifdef __cpp_exceptions
  weir::MemoryResource resource(arena);
  std::pmr::vector<int> list({1, 2}, &resource);
  return list.back() + (pool.acquire(3) == nullptr ? 1 : 0);
#else
  return *pool.acquire(2);
#endif
}
"""


def main(root):
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(root, "scripts", "single_header.py")
        subprocess.run([sys.executable, script, root, os.path.join(folder, "weir.hpp")], check=True)
        with open(os.path.join(folder, "weir.hpp"), encoding="utf-8") as header:
            text = header.read()
        assert '#include "' not in text.split("#pragma once", 1)[1], "it names another file"
        for name, source in (("main.cpp", MAIN), ("other.cpp", OTHER)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as output:
                output.write(source)
        for flags in ((), ("-fno-exceptions", "-fno-rtti")):
            subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *flags, "main.cpp", "other.cpp", "-o",
                            "program", "-pthread"], cwd=folder, check=True)
            subprocess.run([os.path.join(folder, "program")], check=True)


main(sys.argv[1])
