// How every allocation entry point begins: with the one branch on the mode.
#pragma once

#include "shim/life/mode.hpp"

// Visible to the program; everything without this mark stays inside the library.
#define WEIR_EXPORT extern "C" __attribute__((visibility("default")))

namespace weir {

// True in mode=pass. The first call of the process, whatever it is, fixes the mode on its way.
inline bool passes_through() noexcept {
  const Mode now = mode();
  if (__builtin_expect(now == Mode::kUnset, 0)) return start(), mode() == Mode::kPass;
  return now == Mode::kPass;
}

}  // namespace weir
