// The names that a caller= pattern may match a function by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/glob.hpp"

namespace weir {

// The linker's name, the readable one, and that without return type and parameters: of
// "std::vector<int>::push_back(int&&)" also "std::vector<int>::push_back" and "std::vector::push_back". Parts
// that the compiler made of a function (NAME.cold, NAME.constprop.0) have the function's names too.
std::vector<std::string> function_names(std::string_view linkage_name);

// Without the parameters, a return type in front and qualifiers behind; an operator stays whole.
std::string without_parameters(std::string_view readable);

// Without what stands in <…>, but for operators named so.
std::string without_template_arguments(std::string_view readable);

bool matches_any(std::string_view pattern, const std::vector<std::string>& names);

}  // namespace weir
