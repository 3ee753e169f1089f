// Source paths as the debug information has them, made whole: absolute where the compiler's directory is
// known, without "." and "..".
#pragma once

#include <string>
#include <string_view>

namespace weir {

std::string source_path(const char* file, const char* compilation_directory);

}  // namespace weir
