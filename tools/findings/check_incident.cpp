#include "tools/findings/check_incident.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace weir {

namespace {

struct Range {
  const char* name;
  std::uint64_t value;
  std::uint64_t count;  // values are below it
};

std::string mistake_in_stack(const char* name, const IncidentStack& stack, const IncidentLimits& limits) {
  if (stack.first_frame > limits.frames || stack.frame_count > limits.frames - stack.first_frame) {
    return fmt::format("the frames of its stack '{}' are not there", name);
  }
  if (stack.tag > limits.tags) return fmt::format("the tag of its stack '{}' is not there", name);
  if (std::ranges::find(stack.thread_name, '\0') == std::end(stack.thread_name)) {
    return fmt::format("the thread's name of its stack '{}' does not end", name);
  }
  return {};
}

std::string mistake_in_dump(const FindingsIncident& incident, std::span<const std::uint8_t> dumps) {
  const std::uint64_t bytes = incident.dump_bytes;
  if (incident.dump_offset > dumps.size() || bytes > (dumps.size() - incident.dump_offset) / 2) {
    return "its dump is not there";
  }
  if (incident.dump_address > UINT64_MAX - bytes) return "its dump has no address";
  const auto marks = dumps.subspan(incident.dump_offset + bytes, bytes);
  const auto odd = std::ranges::find_if(marks, [](std::uint8_t mark) { return mark >= kDumpMarks; });
  return odd == marks.end() ? std::string() : fmt::format("its dump has the unknown mark {}", *odd);
}

}  // namespace

std::string mistake_in(const FindingsIncident& incident, const IncidentLimits& limits) {
  const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
  const Range ranges[] = {
      {"kind", number(incident.kind), kIncidentKinds},
      {"occasion", number(incident.occasion), kIncidentOccasions},
      {"access", number(incident.access), number(IncidentAccess::kWrite) + 1},
      {"place", number(incident.place), kIncidentPlaces},
      {"making call", number(incident.made_by), kIncidentCalls},
      {"freeing call", number(incident.freed_by), kIncidentCalls},
      {"call", number(incident.call), kIncidentCalls},
      {"state", incident.block_is_freed, 2},
      {"route", incident.route, limits.routes + 1},
      {"module", incident.place_module, std::max<std::uint64_t>(limits.modules, 1)},
  };
  for (const Range& range : ranges) {
    if (range.value >= range.count) return fmt::format("its {} {} is unknown", range.name, range.value);
  }
  const std::pair<const char*, const IncidentStack&> stacks[] = {{"now", incident.now},
                                                                 {"allocated", incident.allocated},
                                                                 {"freed", incident.freed},
                                                                 {"neighbour", incident.neighbour}};
  for (const auto& [name, stack] : stacks) {
    std::string mistake = mistake_in_stack(name, stack, limits);
    if (!mistake.empty()) return mistake;
  }
  return mistake_in_dump(incident, limits.dumps);
}

}  // namespace weir
