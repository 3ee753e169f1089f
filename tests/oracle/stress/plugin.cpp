// One source for both plug-ins: the same instructions at the same offsets, frames of different size.
#include "plugin.hpp"

#include <cstdlib>

namespace {

constexpr int kFrame = 256 * STRESS_PLUGIN;

__attribute__((noinline)) void through(stress_plugin_callback call_back, int levels, int depth) {
  char buffer[kFrame];
  buffer[0] = static_cast<char>(levels);
  asm volatile("" ::"r"(buffer) : "memory");
  if (levels > 0) {
    through(call_back, levels - 1, depth);
  } else {
    call_back(depth);
  }
  asm volatile("" ::"r"(buffer) : "memory");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void stress_plugin_enter(stress_plugin_callback call_back,
                                                                           int depth) {
  through(call_back, depth, depth);
  call_back(depth);
  asm volatile("" ::: "memory");
}
