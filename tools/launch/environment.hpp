// What the program's environment must say for the library to be loaded.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// LD_PRELOAD with the library first, once, and behind it whatever is there already.
std::string preload_with(std::string_view preload, std::string_view library);

}  // namespace weir
