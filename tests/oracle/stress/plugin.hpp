// What the program and its plug-ins know of each other.
#pragma once

#include <cstddef>

using stress_plugin_callback = void (*)(int depth);
using stress_plugin_function = void (*)(stress_plugin_callback, int levels, int depth);

extern "C" void stress_library_call(char* text, std::size_t bytes);
