// A frame as a JSON object: the same in leak reports and in those of the guard.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/symbols/frame.hpp"

namespace weir {

nlohmann::ordered_json frame_json(const Frame& frame, const SourceFrame& source,
                                  const std::string& strip_path_prefix);

// Paths and arguments are bytes, JSON is UTF-8: what is none becomes U+FFFD instead of an exception.
std::string json_line(const nlohmann::ordered_json& json);

}  // namespace weir
