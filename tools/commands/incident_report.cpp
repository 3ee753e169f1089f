#include "tools/commands/incident_report.hpp"

#include <fmt/core.h>

#include "tools/commands/report_input.hpp"
#include "tools/report/incident_json.hpp"
#include "tools/report/incident_text.hpp"
#include "tools/report/incidents.hpp"
#include "tools/report/output.hpp"
#include "tools/say.hpp"

namespace weir {

int incident_report(int fd, const std::string& file) {
  ReportInput input;
  if (!read_report_input(fd, file, true, input)) return kReportFailed;
  const Settings& settings = input.settings;
  const std::uint32_t pid = input.findings.header().pid;
  Symboliser symboliser(input.findings, settings.symbolize);
  const std::vector<Incident> incidents = build_incidents(input.findings, settings, symboliser);

  const ReportLog log(settings.log_path, pid, input.program);
  const bool color = log.wants_color(settings.color);
  std::string text;
  std::string lines;
  for (const Incident& incident : incidents) {
    text += incident_text(incident, {settings.strip_path_prefix, {}, color, settings.summary != "never"});
    lines += incident_json_line(incident, input.findings.command(), settings.strip_path_prefix);
  }
  log.write(text);
  if (!settings.json_path.empty()) {
    const std::string path = expand_path(settings.json_path, pid, input.program);
    const std::string problem = append_to_file(path, lines);
    if (!problem.empty()) say(fmt::format("cannot write {}: {}", path, problem));
  }
  return kReportLeaks;
}

}  // namespace weir
