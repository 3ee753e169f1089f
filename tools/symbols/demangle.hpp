// The name that a programmer wrote, from the one that the linker sees.
#pragma once

#include <string>

namespace weir {

// Names that are not mangled come back as they are.
std::string demangle(const char* name);

}  // namespace weir
