#!/bin/bash
#: title cmake, ninja
#: needs cmake ninja
#: package cmake ninja-build
#: version cmake --version
#: process cmake ninja
printf 'cmake_minimum_required(VERSION 3.20)\nproject(p C)\nadd_library(l a.c b.c)\nadd_executable(m m.c)\ntarget_link_libraries(m l)\nenable_testing()\nadd_test(NAME t COMMAND m)\n' >CMakeLists.txt
echo 'int a(void) { return 3; }' >a.c; echo 'int b(void) { return 4; }' >b.c; echo 'int a(void); int b(void); int main(void) { return a() + b() - 7; }' >m.c
cmake -G Ninja -S . -B o >c.log; echo "status $?"; ninja -C o >n.log; echo "status $?"; ninja -C o | tail -1; cd o && ctest 2>&1 | grep 'tests passed'; ninja -t targets all | LC_ALL=C sort | grep -c '\.o'; ninja none 2>/dev/null; echo "status $?"
