// How every allocation entry point begins: with the one branch on the mode.
#pragma once

#include "shim/life/mode.hpp"

// Visible to the program; everything without this mark stays inside the library.
#define WEIR_EXPORT extern "C" __attribute__((visibility("default")))

namespace weir {

// The first call of a process, whatever it is, fixes the mode and then begins again. Ends in a tail call, as
// entry points do, so that the caller of what follows is still the program.
template <typename Result, typename... Arguments>
__attribute__((noinline, cold)) Result after_start(Result (*again)(Arguments...), Arguments... arguments) {
  start();
  return again(arguments...);
}

}  // namespace weir

// Begins an entry point; `passes` is true in mode=pass. The arguments are those of the entry point.
#define WEIR_ENTER(name, ...)                                    \
  const ::weir::Mode mode_now = ::weir::mode_of_entries();       \
  if (__builtin_expect(mode_now == ::weir::Mode::kUnset, 0)) {   \
    return ::weir::after_start(name __VA_OPT__(, ) __VA_ARGS__); \
  }                                                              \
  const bool passes = mode_now == ::weir::Mode::kPass
