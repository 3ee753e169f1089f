#include "tools/hunt/report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "tools/join.hpp"
#include "tools/report/incident_json.hpp"
#include "tools/report/incident_text.hpp"
#include "tools/report/report_line.hpp"

#include "tools/report/shown.hpp"

namespace weir {

namespace {

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
  fmt::format_to(to, "\n{}\nweir: hunt: {}\n", kDoubleLine, shown(join(report.command, " ")));
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
  Json runs = Json::array();
  for (const HuntRun& run : report.runs) {
    runs.push(Json::object()
                  .set("layout", run.layout.name)
                  .set("seconds", seconds(run.end.time))
                  .set("ended", run.end.text())
                  .set("whole", run.end.is_whole())
                  .set("reports", run.reports));
  }
  Json errors = Json::array();
  for (const Bug& bug : report.bugs) {
    Json seen = Json::array();
    for (const SeenBy& by : bug.seen) {
      seen.push(Json::object().set("layout", report.runs[by.layout].layout.name).set("times", by.times));
    }
    Json error = incident_json(bug.incident, {});
    error.set("seen", std::move(seen));
    errors.push(std::move(error));
  }
  return Json::object()
             .set("tool", "weir")
             .set("version", WEIR_VERSION)
             .set("reason", "hunt")
             .set("command", report.command)
             .set("runs", std::move(runs))
             .set("errors", std::move(errors))
             .line() +
         '\n';
}

}  // namespace weir
