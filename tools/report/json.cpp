#include "tools/report/json.hpp"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "tools/report/frame_json.hpp"

namespace weir {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kKinds[] = {"direct", "indirect", "reachable"};

Json totals(const LeakTotals& totals) {
  return {{"bytes", totals.bytes}, {"blocks", totals.blocks}};
}

// Writes the leaks one by one, the same frame always as the same text: as one tree of values a long report
// would take many times its own size.
class LeakWriter {
 public:
  LeakWriter(const Settings& settings, std::string& out) : settings_(settings), out_(out) {}

  void write(const Leak& leak) {
    Json head = {{"kind", kKinds[static_cast<std::size_t>(leak.kind)]},
                 {"bytes", leak.bytes},
                 {"blocks", leak.blocks},
                 {"stack_cut", (leak.stack_flags & kStackCut) != 0},
                 {"stack_unknown", (leak.stack_flags & kStackUnknown) != 0}};
    if (!leak.route.empty()) head["route"] = leak.route;
    out_ += json_line(head);
    out_.back() = ',';  // the object goes on
    out_ += "\"frames\":[";
    std::string_view comma = "\n  ";
    for (const Frame* frame : leak.frames) {
      out_.append(comma).append(text_of(*frame));
      comma = ",\n  ";
    }
    out_ += "]}";
  }

 private:
  const std::string& text_of(const Frame& frame) {
    const auto [entry, is_new] = texts_.try_emplace(&frame);
    if (is_new) {
      for (const SourceFrame& source : frame.sources) {
        if (!entry->second.empty()) entry->second += ",\n  ";
        entry->second += json_line(frame_json(frame, source, settings_.strip_path_prefix));
      }
    }
    return entry->second;
  }

  const Settings& settings_;
  std::string& out_;
  std::unordered_map<const Frame*, std::string> texts_;
};

}  // namespace

std::string report_json(const LeakReport& report, const Settings& settings) {
  const FindingsHeader& facts = report.facts;
  Json json = {
      {"tool", "weir"},
      {"version", WEIR_VERSION},
      {"pid", facts.pid},
      {"command", report.command},
      {"reason", facts.reason == CheckReason::kSignal ? "signal" : "exit"},
      {"totals",
       {{"direct", totals(report.lost[0])},
        {"indirect", totals(report.lost[1])},
        {"reachable", totals(facts.totals[static_cast<std::size_t>(LeakKind::kReachable)])},
        {"suppressed", totals(report.suppressed)}}},
      {"peak_bytes", facts.peak_bytes},
      {"peak_error_bytes", facts.peak_error_bytes},
      {"allocations", facts.allocations},
      {"frees", facts.frees},
      {"foreign_frees", facts.foreign_frees},
      {"bad_frees", facts.bad_frees},
      {"untracked_stacks", facts.untracked_stacks},
      {"threads", facts.threads},
      {"silent_threads", facts.silent_threads},
      {"pause_ns", facts.pause_ns},
      {"check_ns", facts.check_ns},
      {"omitted_leaks", report.more_leaks + report.small_leaks},
  };
  json["suppressions"] = Json::array();
  for (const SuppressionUse& use : report.used) {
    json["suppressions"].push_back(
        {{"pattern", use.pattern}, {"count", use.count}, {"bytes", use.bytes}, {"builtin", use.builtin}});
  }
  for (const std::string& pattern : report.unused) {
    json["suppressions"].push_back({{"pattern", pattern}, {"count", 0}, {"bytes", 0}, {"builtin", false}});
  }
  std::string out = json_line(json);
  out.back() = ',';  // the object goes on
  out += "\n\"leaks\":[";
  LeakWriter writer(settings, out);
  std::string_view comma = "\n ";
  for (const Leak& leak : report.leaks) {
    out += comma;
    writer.write(leak);
    comma = ",\n ";
  }
  return out += "]}\n";
}

}  // namespace weir
