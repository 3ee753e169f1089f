// How much is tested: scripts/test --all sets WEIR_TESTS.
#pragma once

#include <cstdlib>
#include <string_view>

namespace weir::test {

// How often a loop runs: in scripts/test, and in scripts/test --all.
inline int times_to_repeat(int usual, int all) {
  const char* tests = std::getenv("WEIR_TESTS");
  return tests != nullptr && std::string_view(tests) == "all" ? all : usual;
}

}  // namespace weir::test
