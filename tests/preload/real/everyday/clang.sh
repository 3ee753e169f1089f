#!/bin/bash
#: title clang, clang++
#: needs clang
#: package clang
#: version clang --version
cat >s.cpp <<'END'
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
int main() { std::map<std::string, std::vector<int>> m; for (int i = 0; i < 9999; ++i) m[std::to_string(i % 77)].push_back(i); std::printf("%zu %zu\n", m.size(), m["5"].size()); }
END
clang++ -O2 -g -fdebug-compilation-dir=. -c s.cpp -o s.o && md5sum s.o && clang++ -Wl,--build-id=none s.o -o s && ./s
echo 'int main() { return x + ; }' | clang -x c -fno-color-diagnostics -c - 2>&1
clang -x c -O1 -emit-llvm -S -o - - <<<'int f(int x) { return x * 3; }' | grep -c mul
