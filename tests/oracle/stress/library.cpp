// A shared library that the program is linked with, so that it is called through stubs.
#include <cstring>

#include "plugin.hpp"

extern "C" __attribute__((visibility("default"))) void stress_library_call(char* text, std::size_t bytes) {
  std::memset(text, 'x', bytes);
  text[bytes - 1] = '\0';
  asm volatile("" ::"r"(text) : "memory");
}
