#include "tools/commands/limit_report.hpp"

#include "tools/commands/report_input.hpp"
#include "tools/report/holders.hpp"
#include "tools/report/output.hpp"
#include "tools/say.hpp"

namespace weir {

int limit_report(int fd, const std::string& file) {
  ReportInput input;
  if (!read_report_input(fd, file, false, input)) return kReportFailed;
  const FindingsHeader& header = input.findings.header();
  if (header.reason != CheckReason::kLimit) {
    say("cannot read the findings: they are not those of a limit");
    return kReportFailed;
  }
  Symboliser symboliser(input.findings, input.settings.symbolize);
  const LimitReport report = build_limit_report(input.findings, symboliser);
  const ReportLog log(input.settings.log_path, header.pid, input.program);
  const std::string text = limit_report_text(report, input.settings, log.wants_color(input.settings.color));
  log.write(text);
  return kReportLeaks;
}

}  // namespace weir
