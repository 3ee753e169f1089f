#include "tools/commands/leak_report.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "tools/findings/findings.hpp"
#include "tools/findings/read_file.hpp"
#include "tools/report/json.hpp"
#include "tools/report/leaks.hpp"
#include "tools/report/output.hpp"
#include "tools/report/text.hpp"
#include "tools/say.hpp"
#include "tools/suppressions/file.hpp"

namespace weir {

namespace {

// The name for %e: a login shell's leading dash is none of it.
std::string_view program_name(const Findings& findings) {
  if (findings.command().empty()) return "unknown";
  std::string_view name = findings.command().front();
  name.remove_prefix(name.rfind('/') + 1);
  if (name.starts_with('-')) name.remove_prefix(1);
  return name.empty() ? "unknown" : name;
}

// The program waits for this report: a debuginfod server that does not answer must not hold it for long, and
// without a home directory the downloads would land in the root of the file system.
void tame_debuginfod() {
  setenv("DEBUGINFOD_TIMEOUT", "10", 0);
  if (std::getenv("HOME") == nullptr && std::getenv("XDG_CACHE_HOME") == nullptr &&
      std::getenv("DEBUGINFOD_CACHE_PATH") == nullptr) {
    unsetenv("DEBUGINFOD_URLS");
  }
}

SuppressionMatcher load_suppressions(const Settings& settings) {
  SuppressionFile file;
  if (!settings.suppressions.empty()) file = read_suppressions(settings.suppressions);
  for (const std::string& complaint : file.complaints) say(complaint);
  return {file.patterns, settings.builtin_suppressions};
}

// The log is made only when there is something for it: a program without leaks leaves no empty file behind.
bool print(const LeakReport& report, const Settings& settings, std::string_view program) {
  std::string text = report_text(report, settings, false);
  if (text.empty()) return true;
  const ReportLog log(settings.log_path, report.facts.pid, program);
  if (log.wants_color(settings.color)) text = report_text(report, settings, true);
  return log.write(text);
}

}  // namespace

int leak_report(int fd, const std::string& file) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is told by the status
  std::vector<std::byte> bytes;
  Findings findings;
  std::string error;
  if (!(fd >= 0 ? read_descriptor(fd, bytes, error) : read_path(file, bytes, error)) ||
      !findings.open(bytes, error)) {
    say(fmt::format("cannot read the findings: {}", error));
    return kReportFailed;
  }
  std::vector<std::string> mistakes;
  const Settings settings = read_settings(findings.options(), mistakes);
  set_verbosity(static_cast<unsigned>(settings.verbosity));
  for (const std::string& mistake : mistakes) say(mistake);
  tame_debuginfod();

  SuppressionMatcher suppressions = load_suppressions(settings);
  Symboliser symboliser(findings, settings.symbolize);
  const LeakReport report = build_report(findings, settings, symboliser, suppressions);
  const std::uint32_t pid = findings.header().pid;

  const bool printed = print(report, settings, program_name(findings));
  if (!settings.json_path.empty()) {
    const std::string path = expand_path(settings.json_path, pid, program_name(findings));
    const std::string problem = write_file(path, report_json(report, settings));
    if (!problem.empty()) say(fmt::format("cannot write {}: {}", path, problem));
  }
  if (!printed) return kReportFailed;
  return report.lost_blocks() != 0 ? kReportLeaks : kReportNothing;
}

}  // namespace weir
