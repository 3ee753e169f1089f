// Frames and modules that several tests of reports show.
#pragma once

#include "tools/symbols/frame.hpp"

namespace weir {

inline const ModuleName kApp{.path = "/opt/app", .build_id = "c0ffee"};
inline const ModuleName kUnknown{};
inline const Frame kNoModule{.address = 0x99, .module = &kUnknown, .sources = {{}}};

}  // namespace weir
