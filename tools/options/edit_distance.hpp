// How many letters must be put in, taken out or changed to make one word of another (Levenshtein).
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace weir
