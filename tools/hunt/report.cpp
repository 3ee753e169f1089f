#include "tools/hunt/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/report/frame_json.hpp"
#include "tools/report/incident_json.hpp"
#include "tools/report/incident_text.hpp"

namespace weir {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDoubleLine = "=================================================================";

double seconds(std::chrono::milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

std::string seen_by(const HuntReport& report, const Bug& bug) {
  std::string text;
  for (const SeenBy& seen : bug.seen) {
    if (!text.empty()) text += ", ";
    text += report.runs[seen.layout].layout.name;
    if (seen.times > 1) text += fmt::format(" ({} times)", seen.times);
  }
  return text;
}

}  // namespace

bool HuntReport::all_runs_were_whole() const {
  return std::ranges::all_of(runs, [](const HuntRun& run) { return run.end.is_whole(); });
}

std::string hunt_text(const HuntReport& report, bool color) {
  std::string out;
  const auto to = std::back_inserter(out);
  for (const Bug& bug : report.bugs) {
    const std::string note = "seen by: " + seen_by(report, bug);
    out += incident_text(bug.incident, {{}, note, color, false});
    if (out.ends_with("\n\n")) out.pop_back();  // where the summary would stand
  }
  fmt::format_to(to, "\n{}\nweir: hunt: {}\n", kDoubleLine, fmt::join(report.command, " "));
  fmt::format_to(to, "  {:<12}{:>8}{:>11}   {}\n", "layout", "reports", "time", "ended");
  for (const HuntRun& run : report.runs) {
    fmt::format_to(to, "  {:<12}{:>8}{:>9.2f} s   {}\n", run.layout.name, run.reports, seconds(run.end.time),
                   run.end.text());
  }
  for (std::size_t i = 0; i < report.bugs.size(); ++i) {
    const Bug& bug = report.bugs[i];
    fmt::format_to(to, "{:4}. {}\n      seen by: {}\n", i + 1, incident_summary(bug.incident, {}),
                   seen_by(report, bug));
  }
  fmt::format_to(to, "SUMMARY: weir: {} error(s) found in {} run(s){}\n", report.bugs.size(),
                 report.runs.size(),
                 report.all_runs_were_whole() ? "" : ", not all of which came to their end");
  return out;
}

std::string hunt_json(const HuntReport& report) {
  Json json = {{"tool", "weir"}, {"version", WEIR_VERSION}, {"reason", "hunt"}, {"command", report.command}};
  json["runs"] = Json::array();
  for (const HuntRun& run : report.runs) {
    json["runs"].push_back({{"layout", run.layout.name},
                            {"seconds", seconds(run.end.time)},
                            {"ended", run.end.text()},
                            {"whole", run.end.is_whole()},
                            {"reports", run.reports}});
  }
  json["errors"] = Json::array();
  for (const Bug& bug : report.bugs) {
    Json error = incident_json(bug.incident, {});
    error["seen"] = Json::array();
    for (const SeenBy& seen : bug.seen) {
      error["seen"].push_back({{"layout", report.runs[seen.layout].layout.name}, {"times", seen.times}});
    }
    json["errors"].push_back(std::move(error));
  }
  return json_line(json) + '\n';
}

}  // namespace weir
