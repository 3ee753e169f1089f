#include "tools/report/incident_json.hpp"

#include <fmt/core.h>

#include "tools/report/frame_json.hpp"
#include "tools/report/incident_text.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {

namespace {

std::string hex(std::uint64_t number) {
  return fmt::format("0x{:x}", number);
}

Json trace_json(const Trace& trace, const std::string& prefix) {
  Json frames = Json::array();
  for (const Frame* frame : trace.frames) {
    for (const SourceFrame& source : frame->sources) frames.push(frame_json(*frame, source, prefix));
  }
  Json json = Json::object();
  json.set("thread", trace.thread)
      .set("tid", trace.tid)
      .set("name", trace.thread_name)
      .set("age_ns", trace.age_ns)
      .set("stack_cut", (trace.flags & kStackCut) != 0)
      .set("stack_unknown", (trace.flags & kStackUnknown) != 0);
  if (!trace.tag.empty()) json.set("tag", trace.tag);
  json.set("frames", std::move(frames));
  return json;
}

Json block_json(const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  Json json = Json::object();
  json.set("address", hex(facts.block_address))
      .set("bytes", facts.block_bytes)
      .set("alignment", facts.block_alignment)
      .set("freed", facts.block_is_freed != 0)
      .set("generation", facts.generation);
  if (facts.made_by != IncidentCall::kNone) json.set("made_by", word_of(kHeapCallWords, facts.made_by));
  if (facts.freed_by != IncidentCall::kNone) json.set("freed_by", word_of(kHeapCallWords, facts.freed_by));
  if (!incident.route.empty()) json.set("route", incident.route);
  return json;
}

Json dump_json(const Incident& incident) {
  std::string bytes;
  std::string marks;
  for (const std::uint8_t byte : incident.dump) bytes += fmt::format("{:02x}", byte);
  for (const DumpMark mark : incident.marks) marks += kMarkLetters[static_cast<std::size_t>(mark)];
  return Json::object()
      .set("address", hex(incident.facts.dump_address))
      .set("bytes", bytes)
      .set("marks", marks);
}

void add_facts(Json& json, const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  json.set("kind", kind_word(incident));
  if (facts.kind == IncidentKind::kSizeMismatch) json.set("detail", "size");
  if (facts.kind == IncidentKind::kAlignMismatch) json.set("detail", "alignment");
  json.set("message", incident_line(incident));
  json.set("occasion", word_of(kOccasionWords, facts.occasion));
  if (facts.occasion == IncidentOccasion::kSignal || facts.occasion == IncidentOccasion::kCrash) {
    json.set("signal", incident.signal);
  }
  if (facts.occasion == IncidentOccasion::kAccess) json.set("access", word_of(kAccessWords, facts.access));
  if (facts.call != IncidentCall::kNone) json.set("call", word_of(kHeapCallWords, facts.call));
  json.set("address", hex(facts.address));
  if (facts.kind == IncidentKind::kBadFree) json.set("place", word_of(kPlaceWords, facts.place));
  if (!incident.place_module.empty()) json.set("place_module", incident.place_module);
  if (facts.block_address != 0 || facts.block_bytes != 0) json.set("block", block_json(incident));
  if (facts.damaged_count != 0) {
    json.set("damage", Json::object()
                           .set("offset", facts.damage_offset)
                           .set("bytes", facts.damage_bytes)
                           .set("count", facts.damaged_count));
  }
  if (facts.given_size != 0) json.set("given_size", facts.given_size);
  if (facts.given_alignment != 0) json.set("given_alignment", facts.given_alignment);
  if (facts.given_count != 0) json.set("given_count", facts.given_count);
  if (facts.neighbour_address != 0) {
    json.set("neighbour",
             Json::object().set("address", hex(facts.neighbour_address)).set("bytes", facts.neighbour_bytes));
  }
  if (!incident.dump.empty()) json.set("dump", dump_json(incident));
}

}  // namespace

Json incident_json(const Incident& incident, const std::string& strip_path_prefix) {
  Json json = Json::object();
  json.set("pid", incident.pid);
  add_facts(json, incident);
  json.set("context_size", incident.context_size);
  const std::pair<const char*, const Trace&> stacks[] = {{"now", incident.now},
                                                         {"freed", incident.freed},
                                                         {"allocated", incident.allocated},
                                                         {"neighbour", incident.neighbour}};
  Json traces = Json::object();
  for (const auto& [name, trace] : stacks) {
    if (!trace.is_empty()) traces.set(name, trace_json(trace, strip_path_prefix));
  }
  json.set("stacks", std::move(traces));
  json.set("summary", incident_summary(incident, strip_path_prefix));
  return json;
}

std::string incident_json_line(const Incident& incident, const std::vector<std::string>& command,
                               const std::string& strip_path_prefix) {
  return Json::object()
             .set("tool", "weir")
             .set("version", WEIR_VERSION)
             .set("reason", "incident")
             .set("command", command)
             .set_all(incident_json(incident, strip_path_prefix))
             .line() +
         '\n';
}

}  // namespace weir
