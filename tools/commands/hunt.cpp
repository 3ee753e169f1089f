#include "tools/commands/hunt.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tools/hunt/input.hpp"
#include "tools/hunt/merge.hpp"
#include "tools/hunt/report.hpp"
#include "tools/hunt/run_program.hpp"
#include "tools/launch/environment.hpp"
#include "tools/launch/find_library.hpp"
#include "tools/launch/inspect.hpp"
#include "tools/launch/prepare.hpp"
#include "tools/options/settings.hpp"
#include "tools/report/incident_json.hpp"
#include "tools/report/output.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

// A directory that only this user can look into, gone when it is over.
class PrivateDirectory {
 public:
  PrivateDirectory() {
    std::error_code error;
    std::filesystem::path base = std::filesystem::temp_directory_path(error);
    std::string name = ((error ? "/tmp" : base) / "weir-hunt-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~PrivateDirectory() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Hunt {
 public:
  Hunt(const HuntRequest& request, std::string options, std::string library)
      : request_(request), options_(std::move(options)), library_(std::move(library)), input_(STDIN_FILENO) {
    report_.command = request.command;
  }

  int go() {
    if (directory_.path().empty()) {
      say(fmt::format("cannot make a directory for the findings: {}", std::strerror(errno)));
      return kNotRun;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const int signals = take_ending_signals();
    for (const Layout& layout : request_.layouts) {
      if (!run(layout, signals)) return kNotExecutable;
      if (report_.runs.back().end.interrupted != 0) break;
    }
    close(signals);
    report_.bugs = merge_sightings(sightings_);
    return print();
  }

 private:
  // False when the program could not even be started.
  bool run(const Layout& layout, int signals) {
    const std::string json = fmt::format("{}/{}.jsonl", directory_.path(), layout.name);
    const std::string log = fmt::format("{}/{}.log", directory_.path(), layout.name);
    const std::string preload = preload_with(environment("LD_PRELOAD"), library_);
    const bool shows = request_.shows_all_output || report_.runs.empty();
    const ProgramRun program{
        request_.command,
        {{"LD_PRELOAD", preload}, {"WEIR_OPTIONS", options_of_run(layout, options_, json, log)}},
        shows,
        request_.limit,
        static_cast<int>(settings_of_environment(options_).report_signal)};
    begin_progress(layout, shows);
    const RunEnd end = run_program(program, input_, signals, [&] { show_progress(); });
    end_progress();
    if (end.start_error != 0) {
      say(fmt::format("{}: {}", request_.command.front(), std::strerror(end.start_error)));
      return false;
    }
    report_.runs.push_back({layout, end, read_findings(json)});
    return true;
  }

  std::uint64_t read_findings(const std::string& json) {
    std::uint64_t reports = 0;
    std::ifstream file(json, std::ios::binary);
    for (std::string line; std::getline(file, line);) {
      std::optional<Incident> incident = read_incident_json(line, pool_);
      if (!incident) continue;  // a leak report, or a line that was cut short with its run
      ++reports;
      sightings_.push_back({report_.runs.size(), *std::move(incident)});
    }
    return reports;
  }

  // A line that is written over and over, where it disturbs nobody.
  void begin_progress(const Layout& layout, bool shows_output) {
    shows_progress_ = !shows_output && isatty(STDERR_FILENO) == 1;
    progress_ = fmt::format("weir: hunt: run {} of {}, {}", report_.runs.size() + 1, request_.layouts.size(),
                            layout.name);
    started_ = std::chrono::steady_clock::now();
    show_progress();
  }
  void show_progress() const {
    if (!shows_progress_) return;
    const auto time =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
    fmt::print(stderr, "\r\x1b[K{}: {} s, {} report(s) so far", progress_, time.count(), sightings_.size());
    std::fflush(stderr);
  }
  void end_progress() const {
    if (shows_progress_) fmt::print(stderr, "\r\x1b[K");
  }

  int print() const {
    const ReportLog log(request_.log_path, static_cast<std::uint32_t>(getpid()), "hunt");
    const bool printed = log.write(hunt_text(report_, log.wants_color(request_.color)));
    if (!request_.json_path.empty()) {
      const std::string problem = write_file(request_.json_path, hunt_json(report_));
      if (!problem.empty()) say(fmt::format("cannot write {}: {}", request_.json_path, problem));
    }
    if (const int number = report_.runs.back().end.interrupted; number != 0) return 128 + number;
    if (!printed) return kNotRun;
    if (!report_.bugs.empty()) return request_.exitcode;
    return report_.all_runs_were_whole() ? 0 : kHuntIncomplete;
  }

  const HuntRequest& request_;
  std::string options_;
  std::string library_;
  PrivateDirectory directory_;
  ProgramInput input_;
  FramePool pool_;
  std::vector<Sighting> sightings_;
  HuntReport report_;
  std::string progress_;
  bool shows_progress_ = false;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace

int hunt(const HuntRequest& request) {
  std::string options;
  if (!join_given_options(request.options, options)) return kNotRun;
  std::string program;
  if (const int status = find_program(request.command.front(), program); status != 0) return status;
  if (const Inspection inspection = inspect_program(program); inspection.obstacle != Obstacle::kNone) {
    say(fmt::format("{} {}: the preload cannot take effect, there is nothing to hunt", inspection.path,
                    describe(inspection)));
    return kNotRun;
  }
  prepare_environment();
  LibraryPlace library = find_library();
  if (library.path.empty()) {
    say(library.complaint);
    return kNotRun;
  }
  return Hunt(request, std::move(options), std::move(library.path)).go();
}

}  // namespace weir
