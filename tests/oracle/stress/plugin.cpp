// One source for both plug-ins: the same instructions at the same offsets, frames of different size. A frame
// of the second is as large as two of the first, with their return addresses inside its buffer, which it
// leaves alone.
#include "plugin.hpp"

#include <cstdlib>

namespace {

constexpr int kFrame = 272 * STRESS_PLUGIN - 16;

__attribute__((noinline)) void through(stress_plugin_callback call_back, int levels, int depth) {
  char buffer[kFrame];
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
                                                                           int levels, int depth) {
  through(call_back, levels, depth);
  asm volatile("" ::: "memory");
}
