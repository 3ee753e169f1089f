#include "tools/report/incidents.hpp"

#include "tools/report/frame_text.hpp"

namespace weir {

namespace {

Trace to_trace(const Findings& findings, const IncidentStack& stack, Symboliser& symboliser) {
  Trace trace{{},
              stack.flags,
              stack.thread,
              stack.tid,
              stack.age_ns,
              stack.thread_name,
              std::string(findings.tag_of(stack))};
  for (const FrameToken token : findings.frames_of(stack)) trace.frames.push_back(&symboliser.frame(token));
  drop_own_frames(trace.frames);
  return trace;
}

}  // namespace

std::vector<Incident> build_incidents(const Findings& findings, const Settings& settings,
                                      Symboliser& symboliser) {
  std::vector<Incident> incidents;
  for (const FindingsIncident& facts : findings.incidents()) {
    Incident& incident = incidents.emplace_back();
    incident.facts = facts;
    incident.pid = findings.header().pid;
    incident.context_size = findings.header().context_size;
    incident.signal = facts.occasion == IncidentOccasion::kCrash
                          ? facts.signal
                          : static_cast<std::uint32_t>(settings.report_signal);
    incident.route = findings.route_of(facts);
    if (facts.place_module != 0) {
      incident.place_module = findings.path_of(findings.modules()[facts.place_module]);
    }
    const auto dump = findings.dump_of(facts);
    const auto marks = findings.marks_of(facts);
    incident.dump.assign(dump.begin(), dump.end());
    incident.marks.assign(marks.begin(), marks.end());
    incident.now = to_trace(findings, facts.now, symboliser);
    incident.allocated = to_trace(findings, facts.allocated, symboliser);
    incident.freed = to_trace(findings, facts.freed, symboliser);
    incident.neighbour = to_trace(findings, facts.neighbour, symboliser);
  }
  return incidents;
}

}  // namespace weir
