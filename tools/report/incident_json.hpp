// A misuse of the heap as a JSON object on a line of its own, and back; docs/INCIDENT_REPORT_JSON.md says
// what the members mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/json/json.hpp"
#include "tools/report/incidents.hpp"
#include "tools/symbols/frame_pool.hpp"

namespace weir {

Json incident_json(const Incident& incident, const std::string& strip_path_prefix);

// The same with the program's name and arguments, ended by a newline.
std::string incident_json_line(const Incident& incident, const std::vector<std::string>& command,
                               const std::string& strip_path_prefix);

// Undoes incident_json; frames point into the pool. Nothing when the text is no such object.
std::optional<Incident> read_incident_json(std::string_view text, FramePool& pool);

}  // namespace weir
