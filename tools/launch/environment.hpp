// What the program's environment must say for the library to be loaded.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// LD_PRELOAD with the library first, once, and behind it whatever is there already.
std::string preload_with(std::string_view preload, std::string_view library);

// GLIBC_TUNABLES for a program that an LD_AUDIT library looks on at: ld.so then lays out thread-local storage before it
// loads what is preloaded, and keeps 1,664 bytes for that unless it is told to keep more.
std::string tunables_for_audit(std::string_view tunables);

}  // namespace weir
