// A misuse of the heap as people read it.
#pragma once

#include <string>
#include <string_view>

#include "tools/report/incidents.hpp"

namespace weir {

struct IncidentStyle {
  std::string_view strip_path_prefix;
  std::string_view note;  // a line below the first; empty for none
  bool color;
  bool summary;  // the line SUMMARY
};

std::string incident_text(const Incident& incident, const IncidentStyle& style);

// "heap-buffer-overflow in main app.c:7": what the line SUMMARY says.
std::string incident_summary(const Incident& incident, std::string_view strip_path_prefix);

}  // namespace weir
