// Where libweir.so is.
#pragma once

#include <string>
#include <string_view>

namespace weir {

struct LibraryPlace {
  std::string path;       // absolute; empty when there is none
  std::string complaint;  // then why
};

// WEIR_LIBRARY; the build tree's ../shim; the library directory as far from this program as it was installed;
// the library directory itself.
LibraryPlace find_library();

// The same for a tool that is in `tool_directory`, with WEIR_LIBRARY's value.
LibraryPlace find_library(std::string_view tool_directory, std::string_view wish);

}  // namespace weir
