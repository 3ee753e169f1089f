// A frame as a JSON object: the same in leak reports and in those of the guard.
#pragma once

#include <string>

#include "tools/json/json.hpp"
#include "tools/symbols/frame.hpp"

namespace weir {

Json frame_json(const Frame& frame, const SourceFrame& source, const std::string& strip_path_prefix);

}  // namespace weir
