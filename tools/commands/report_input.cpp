#include "tools/commands/report_input.hpp"

#include <fmt/core.h>

#include <csignal>
#include <cstdlib>

#include "tools/findings/read_file.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

// The name for %e. One from the arguments may be a title: a login shell's leading dash is none of the name.
std::string_view program_name(const Findings& findings) {
  if (!findings.program().empty()) return findings.program();
  if (findings.command().empty()) return "unknown";
  std::string_view name = findings.command().front();
  name.remove_prefix(name.rfind('/') + 1);
  if (name.starts_with('-')) name.remove_prefix(1);
  return name.empty() ? "unknown" : name;
}

// Without a home directory the downloads would land in the root of the file system. (How long a server may hold the
// program that waits for this report is symbols/server_time's.)
void tame_debuginfod() {
  if (std::getenv("HOME") == nullptr && std::getenv("XDG_CACHE_HOME") == nullptr &&
      std::getenv("DEBUGINFOD_CACHE_PATH") == nullptr) {
    unsetenv("DEBUGINFOD_URLS");
  }
}

}  // namespace

bool read_report_input(int fd, const std::string& file, bool incidents, ReportInput& into) {
  // The status tells what was found, whether or not somebody reads the report or a limit cuts it.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::string error;
  const bool read = fd >= 0 ? read_descriptor(fd, into.bytes, error) : read_path(file, into.bytes, error);
  if (read && into.findings.open(into.bytes, error) &&
      (into.findings.header().reason == CheckReason::kIncident) != incidents) {
    error = incidents ? "they are those of a leak check" : "they are the guard's, for weir incident-report";
  }
  if (!error.empty()) {
    say(fmt::format("cannot read the findings: {}", error));
    return false;
  }
  std::vector<std::string> mistakes;
  into.settings = read_settings(into.findings.options(), mistakes);
  into.program = program_name(into.findings);
  set_verbosity(static_cast<unsigned>(into.settings.verbosity));
  for (const std::string& mistake : mistakes) say(mistake);
  tame_debuginfod();
  return true;
}

}  // namespace weir
