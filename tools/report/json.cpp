#include "tools/report/json.hpp"

#include <unordered_map>

#include "tools/json/json.hpp"
#include "tools/report/frame_json.hpp"

namespace weir {

namespace {

constexpr std::string_view kLeakKindWords[] = {"direct", "indirect", "reachable"};

Json totals(const LeakTotals& totals) {
  return Json::object().set("bytes", totals.bytes).set("blocks", totals.blocks);
}

Json tags(const std::vector<TagTotals>& of) {
  Json json = Json::array();
  for (const TagTotals& tag : of) {
    Json one = Json::object();
    one.set("tag", tag.tag);
    for (std::size_t kind = 0; kind < kLeakKinds; ++kind) one.set(kLeakKindWords[kind], totals(tag.of[kind]));
    json.push(std::move(one));
  }
  return json;
}

Json suppression(const std::string& pattern, std::uint64_t count, std::uint64_t bytes, bool builtin) {
  return Json::object()
      .set("pattern", pattern)
      .set("count", count)
      .set("bytes", bytes)
      .set("builtin", builtin);
}

// Writes the leaks one by one, the same frame always as the same text: as one tree of values a long report
// would take many times its own size.
class LeakWriter {
 public:
  LeakWriter(const Settings& settings, std::string& out) : settings_(settings), out_(out) {}

  void write(const Leak& leak) {
    Json head = Json::object();
    head.set("kind", kLeakKindWords[static_cast<std::size_t>(leak.kind)])
        .set("bytes", leak.bytes)
        .set("blocks", leak.blocks)
        .set("stack_cut", (leak.stack_flags & kStackCut) != 0)
        .set("stack_unknown", (leak.stack_flags & kStackUnknown) != 0);
    if (!leak.route.empty()) head.set("route", leak.route);
    if (!leak.tag.empty()) head.set("tag", leak.tag);
    out_ += head.line();
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
        entry->second += frame_json(frame, source, settings_.strip_path_prefix).line();
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
  const LeakTotals& reachable = facts.totals[static_cast<std::size_t>(LeakKind::kReachable)];
  Json suppressions = Json::array();
  for (const SuppressionUse& use : report.used) {
    suppressions.push(suppression(use.pattern, use.count, use.bytes, use.builtin));
  }
  for (const std::string& pattern : report.unused) suppressions.push(suppression(pattern, 0, 0, false));
  Json json = Json::object();
  json.set("tool", "weir")
      .set("version", WEIR_VERSION)
      .set("pid", facts.pid)
      .set("command", report.command)
      .set("reason", facts.reason == CheckReason::kSignal ? "signal" : "exit")
      .set("complete", facts.obstacle == CheckObstacle::kNone);
  if (facts.obstacle != CheckObstacle::kNone) json.set("incomplete_because", obstacle_words(facts.obstacle));
  if (!report.tags.empty()) json.set("tags", tags(report.tags));
  std::string out = json.set("totals", Json::object()
                                           .set("direct", totals(report.lost[0]))
                                           .set("indirect", totals(report.lost[1]))
                                           .set("reachable", totals(reachable))
                                           .set("suppressed", totals(report.suppressed)))
                        .set("peak_bytes", facts.peak_bytes)
                        .set("peak_error_bytes", facts.peak_error_bytes)
                        .set("allocations", facts.allocations)
                        .set("frees", facts.frees)
                        .set("foreign_frees", facts.foreign_frees)
                        .set("bad_frees", facts.bad_frees)
                        .set("untracked_stacks", facts.untracked_stacks)
                        .set("uncleared_frees", facts.uncleared_frees)
                        .set("threads", facts.threads)
                        .set("silent_threads", facts.silent_threads)
                        .set("pause_ns", facts.pause_ns)
                        .set("check_ns", facts.check_ns)
                        .set("omitted_leaks", report.more_leaks + report.small_leaks)
                        .set("suppressions", std::move(suppressions))
                        .line();
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
