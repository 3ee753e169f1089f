// Where in the program the request at hand was made, for rules that ask about the call site. A heap's caller
// is the program, but for requests that watch/counted_heap stands between: it notes its own caller here.
#pragma once

#include <cstdint>

namespace weir {

// 0: nobody stands between.
inline __thread std::uint64_t outer_caller __attribute__((tls_model("initial-exec"))) = 0;

// `caller` is what the heap itself was called from.
inline std::uint64_t program_caller(std::uint64_t caller) noexcept {
  return __builtin_expect(outer_caller != 0, 0) ? outer_caller : caller;
}

}  // namespace weir
