#include "tools/report/incident_json.hpp"

#include <fmt/format.h>

#include "tools/report/frame_json.hpp"
#include "tools/report/incident_text.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMarkLetters = ".bcd?";  // by the number of the DumpMark

std::string hex(std::uint64_t number) {
  return fmt::format("0x{:x}", number);
}

Json trace_json(const Trace& trace, const std::string& prefix) {
  Json json = {{"thread", trace.thread},
               {"tid", trace.tid},
               {"name", trace.thread_name},
               {"age_ns", trace.age_ns},
               {"stack_cut", (trace.flags & kStackCut) != 0},
               {"stack_unknown", (trace.flags & kStackUnknown) != 0}};
  json["frames"] = Json::array();
  for (const Frame* frame : trace.frames) {
    for (const SourceFrame& source : frame->sources) {
      json["frames"].push_back(frame_json(*frame, source, prefix));
    }
  }
  return json;
}

Json block_json(const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  Json json = {{"address", hex(facts.block_address)},
               {"bytes", facts.block_bytes},
               {"alignment", facts.block_alignment},
               {"freed", facts.block_is_freed != 0},
               {"generation", facts.generation}};
  if (facts.made_by != IncidentCall::kNone) json["made_by"] = word_of(kHeapCallWords, facts.made_by);
  if (facts.freed_by != IncidentCall::kNone) json["freed_by"] = word_of(kHeapCallWords, facts.freed_by);
  if (!incident.route.empty()) json["route"] = incident.route;
  return json;
}

Json dump_json(const Incident& incident) {
  std::string bytes;
  std::string marks;
  for (const std::uint8_t byte : incident.dump) bytes += fmt::format("{:02x}", byte);
  for (const DumpMark mark : incident.marks) marks += kMarkLetters[static_cast<std::size_t>(mark)];
  return {{"address", hex(incident.facts.dump_address)}, {"bytes", bytes}, {"marks", marks}};
}

void add_facts(Json& json, const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  json["kind"] = kind_word(incident);
  if (facts.kind == IncidentKind::kSizeMismatch) json["detail"] = "size";
  if (facts.kind == IncidentKind::kAlignMismatch) json["detail"] = "alignment";
  json["message"] = incident_line(incident);
  json["occasion"] = word_of(kOccasionWords, facts.occasion);
  if (facts.occasion == IncidentOccasion::kSignal || facts.occasion == IncidentOccasion::kCrash) {
    json["signal"] = incident.signal;
  }
  if (facts.occasion == IncidentOccasion::kAccess) json["access"] = word_of(kAccessWords, facts.access);
  if (facts.call != IncidentCall::kNone) json["call"] = word_of(kHeapCallWords, facts.call);
  json["address"] = hex(facts.address);
  if (facts.kind == IncidentKind::kBadFree) json["place"] = word_of(kPlaceWords, facts.place);
  if (!incident.place_module.empty()) json["place_module"] = incident.place_module;
  if (facts.block_address != 0 || facts.block_bytes != 0) json["block"] = block_json(incident);
  if (facts.damaged_count != 0) {
    json["damage"] = {
        {"offset", facts.damage_offset}, {"bytes", facts.damage_bytes}, {"count", facts.damaged_count}};
  }
  if (facts.given_size != 0) json["given_size"] = facts.given_size;
  if (facts.given_alignment != 0) json["given_alignment"] = facts.given_alignment;
  if (facts.given_count != 0) json["given_count"] = facts.given_count;
  if (facts.neighbour_address != 0) {
    json["neighbour"] = {{"address", hex(facts.neighbour_address)}, {"bytes", facts.neighbour_bytes}};
  }
  if (!incident.dump.empty()) json["dump"] = dump_json(incident);
}

}  // namespace

Json incident_json(const Incident& incident, const std::string& strip_path_prefix) {
  Json json;
  json["pid"] = incident.pid;
  add_facts(json, incident);
  json["context_size"] = incident.context_size;
  const std::pair<const char*, const Trace&> stacks[] = {{"now", incident.now},
                                                         {"freed", incident.freed},
                                                         {"allocated", incident.allocated},
                                                         {"neighbour", incident.neighbour}};
  json["stacks"] = Json::object();
  for (const auto& [name, trace] : stacks) {
    if (!trace.is_empty()) json["stacks"][name] = trace_json(trace, strip_path_prefix);
  }
  json["summary"] = incident_summary(incident, strip_path_prefix);
  return json;
}

std::string incident_json_line(const Incident& incident, const std::vector<std::string>& command,
                               const std::string& strip_path_prefix) {
  Json json = {{"tool", "weir"}, {"version", WEIR_VERSION}, {"reason", "incident"}, {"command", command}};
  json.update(incident_json(incident, strip_path_prefix));
  return json_line(json) + '\n';
}

}  // namespace weir
