// The line above every report.
#pragma once

#include <string_view>

namespace weir {

inline constexpr std::string_view kDoubleLine =
    "=================================================================";

}  // namespace weir
