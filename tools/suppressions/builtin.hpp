// What libc, ld.so and libstdc++ are known to keep, and why.
//
// A row is narrow: the block must have been asked for by the library itself, on the way from one of its
// functions. What user code allocates in a callback of the library is not meant, so a row is not a pattern
// over any frame.
#pragma once

#include <span>
#include <string_view>

#include "tools/symbols/frame.hpp"

namespace weir {

struct BuiltinSuppression {
  std::string_view module;    // how the module's file name begins
  std::string_view function;  // a pattern; "^" and "$" as in a suppression file
  std::string_view reason;
};

std::span<const BuiltinSuppression> builtin_suppressions();

// The row that explains this stack (innermost first), or nullptr.
const BuiltinSuppression* find_builtin(std::span<const Frame* const> stack);

}  // namespace weir
