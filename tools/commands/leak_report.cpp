#include "tools/commands/leak_report.hpp"

#include <fmt/core.h>

#include "tools/commands/report_input.hpp"
#include "tools/report/json.hpp"
#include "tools/report/leaks.hpp"
#include "tools/report/output.hpp"
#include "tools/report/text.hpp"
#include "tools/say.hpp"
#include "tools/suppressions/file.hpp"

namespace weir {

namespace {

SuppressionMatcher load_suppressions(const Settings& settings) {
  SuppressionFile file;
  if (!settings.suppressions.empty()) file = read_suppressions(settings.suppressions);
  for (const std::string& complaint : file.complaints) say(complaint);
  return {file.patterns, settings.builtin_suppressions};
}

// The log is made only when there is something for it: a program without leaks leaves no empty file behind.
void print(const LeakReport& report, const Settings& settings, std::string_view program) {
  std::string text = report_text(report, settings, false);
  if (text.empty()) return;
  const ReportLog log(settings.log_path, report.facts.pid, program);
  if (log.wants_color(settings.color)) text = report_text(report, settings, true);
  log.write(text);
}

// The guard's reports are lines of the same file: there the leak report is one more.
std::string write_json(const std::string& path, std::string json, const Settings& settings) {
  if (settings.mode != "guard") return write_file(path, json);
  std::erase(json, '\n');
  return append_to_file(path, json += '\n');
}

}  // namespace

int leak_report(int fd, const std::string& file) {
  ReportInput input;
  if (!read_report_input(fd, file, false, input)) return kReportFailed;
  const Findings& findings = input.findings;
  const Settings& settings = input.settings;
  SuppressionMatcher suppressions = load_suppressions(settings);
  Symboliser symboliser(findings, settings.symbolize);
  const LeakReport report = build_report(findings, settings, symboliser, suppressions);
  const std::uint32_t pid = findings.header().pid;

  print(report, settings, input.program);
  if (!settings.json_path.empty()) {
    const std::string path = expand_path(settings.json_path, pid, input.program);
    const std::string problem = write_json(path, report_json(report, settings), settings);
    if (!problem.empty()) say(fmt::format("cannot write {}: {}", path, problem));
  }
  return report.lost_blocks() != 0 ? kReportLeaks : kReportNothing;
}

}  // namespace weir
