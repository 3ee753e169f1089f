#include "tools/commands/oom.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "shim/abi/glob.hpp"
#include "tools/commands/run.hpp"
#include "tools/launch/environment.hpp"
#include "tools/launch/find_library.hpp"
#include "tools/launch/inspect.hpp"
#include "tools/launch/prepare.hpp"
#include "tools/launch/resolve.hpp"
#include "tools/oom/frame_names.hpp"
#include "tools/oom/progress.hpp"
#include "tools/oom/report.hpp"
#include "tools/oom/run_program.hpp"
#include "tools/options/settings.hpp"
#include "tools/options/table.hpp"
#include "tools/report/output.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

constexpr std::chrono::hours kNoTimeout{24 * 365};
constexpr std::chrono::seconds kLeastTimeout{1};
constexpr int kTimeoutFactor = 10;
constexpr std::chrono::milliseconds kPatience{200};

volatile std::sig_atomic_t interrupted = 0;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// A directory of its own that goes with it.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-oom-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
    }
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string folder(std::size_t number) const {
    std::filesystem::path folder = path_ / std::to_string(number);
    std::filesystem::create_directories(folder);
    return folder.string();
  }
  static void remove(const std::string& folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

 private:
  std::filesystem::path path_;
};

class Session {
 public:
  Session(const OomRequest& request, std::string library, std::string options)
      : request_(request),
        library_(std::move(library)),
        options_(std::move(options)),
        input_(keep_input(STDIN_FILENO)),
        runner_(request.command, input_) {}

  // False after a line that says why there is nothing to compare with.
  bool run_well() {
    RunResult native = run_alone({}, kNoTimeout);
    if (interrupted != 0) return false;
    if (!WIFEXITED(native.status)) {
      say(fmt::format("{} ends by signal {} without any failure: there is nothing to compare with",
                      request_.command.front(), WTERMSIG(native.status)));
      return false;
    }
    const std::string folder = scratch_.folder(0);
    const RunResult recorded = run_alone(variables(folder, "alloc_stacks", ""), kNoTimeout);
    if (interrupted != 0) return false;
    Evidence evidence = Evidence::read(folder);
    if (recorded.status != native.status) {
      say(fmt::format("{} does not end under weir as it does without: status {:#x}, not {:#x}",
                      request_.command.front(), recorded.status, native.status));
      return false;
    }
    reference_.status = WEXITSTATUS(native.status);
    reference_.output_matters = !request_.ignore_output && same_contents(native.output, recorded.output);
    if (!reference_.output_matters && !request_.ignore_output) {
      say("two good runs write different outputs: outputs are not compared");
    }
    reference_.output = std::move(native.output);
    reference_.known_leaks = evidence.leak_keys();
    reference_.abort_is_handled = request_.abort_is_handled;
    reference_.leaks = request_.leaks;
    report_.command = request_.command;
    report_.stacks = std::move(evidence.log);
    timeout_ = request_.timeout > 0
                   ? std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::duration<double>(request_.timeout))
                   : std::max<std::chrono::nanoseconds>(
                         kLeastTimeout, kTimeoutFactor * std::max(native.took, recorded.took));
    return true;
  }

  void run_failures() {
    const std::vector<std::size_t> chosen = choose();
    const std::size_t jobs =
        request_.jobs != 0 ? request_.jobs : std::max(1u, std::thread::hardware_concurrency());
    report_.left_out = report_.stacks.stacks.size() - chosen.size();
    std::size_t next = 0;
    std::size_t done = 0;
    std::size_t bad = 0;
    Progress progress(chosen.size());
    while (done < chosen.size()) {
      while (next < chosen.size() && runner_.running() < jobs && interrupted == 0) start(chosen[next++]);
      if (runner_.running() == 0) break;
      if (interrupted > 1) break;
      runner_.wait(kPatience, [&](std::size_t stack, RunResult&& result) {
        const std::string folder = scratch_.folder(stack + 1);
        report_.runs.push_back({stack, judge(reference_, result, Evidence::read(folder))});
        Scratch::remove(folder);
        bad += report_.runs.back().outcome.verdict < Verdict::kHandled ? 1 : 0;
        ++done;
      });
      progress.show(done, bad != 0 ? fmt::format(", {} bad", bad) : "");
    }
    report_.left_out += chosen.size() - done;
    std::ranges::sort(report_.runs, {}, &FailedRun::stack);
  }

  int tell() {
    report_.strip_path_prefix = settings_of_environment(options_).strip_path_prefix;
    fmt::print("{}{}\n", oom_text(report_, names_), oom_summary(report_));
    if (!request_.json.empty()) {
      const std::string problem = write_file(request_.json, oom_json(report_, names_));
      if (!problem.empty()) say(fmt::format("cannot write {}: {}", request_.json, problem));
    }
    return report_.all_handled() ? 0 : kOomUnhandled;
  }

  bool has_stacks() const { return !report_.stacks.stacks.empty(); }

 private:
  // What the run's process gets: reports go into the folder, and the program's status stays its own.
  ProgramRunner::Variables variables(const std::string& folder, std::string_view file_option,
                                     const std::string& fail) const {
    std::string ours = fmt::format("mode={}:exitcode=0:summary=never:color=never:strict=0:verbosity=0",
                                   request_.guard ? "guard" : "leak");
    const auto add = [&](std::string_view key, const std::string& value) {
      ours = join_option_texts(ours, join_option(key, value));
    };
    add(file_option, folder + "/%p.stacks");
    add("log_path", folder + "/%p.log");
    add("json_path", folder + "/%p.json");
    add("fail", fail);
    if (request_.leaks == LeakRule::kNone) add("leak_check_at_exit", "0");
    return {{"LD_PRELOAD", preload_with(variable("LD_PRELOAD"), library_)},
            {"WEIR_OPTIONS", join_option_texts(options_, ours)}};
  }

  RunResult run_alone(const ProgramRunner::Variables& variables, std::chrono::nanoseconds timeout) {
    RunResult ended;
    runner_.start(0, variables, timeout);
    while (runner_.running() != 0 && interrupted == 0) {
      runner_.wait(kPatience, [&](std::size_t, RunResult&& result) { ended = std::move(result); });
    }
    return ended;
  }

  void start(std::size_t stack) {
    const std::string fail = fmt::format("stack={} times=1", report_.stacks.stacks[stack].hash);
    runner_.start(stack, variables(scratch_.folder(stack + 1), "fail_report", fail), timeout_);
  }

  std::vector<std::size_t> choose() {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < report_.stacks.stacks.size(); ++i) {
      if (request_.limit != 0 && chosen.size() == request_.limit) break;
      if (is_wanted(report_.stacks.stacks[i])) chosen.push_back(i);
    }
    return chosen;
  }

  bool is_wanted(const LoggedStack& stack) {
    if (request_.only.empty()) return true;
    return std::ranges::any_of(names_.frames(report_.stacks, stack.frames), [&](const Frame* frame) {
      return path_matches(request_.only, frame->module->path) ||
             std::ranges::any_of(frame->sources, [&](const SourceFrame& source) {
               const std::string name = source.function.substr(0, source.function.find('('));
               return glob_matches(request_.only, name) || path_matches(request_.only, source.file);
             });
    });
  }

  const OomRequest& request_;
  std::string library_;
  std::string options_;
  Scratch scratch_;
  File input_;
  ProgramRunner runner_;
  Reference reference_;
  OomReport report_;
  FrameNames names_;
  std::chrono::nanoseconds timeout_{};
};

// The options for every run; the mistakes are told.
std::string options_of(const OomRequest& request) {
  std::string given;
  for (const OptionPair& pair : request.options) {
    const std::string mistake = option_mistake(pair.key, pair.value);
    if (mistake.empty()) {
      given = join_option_texts(given, join_option(pair.key, pair.value));
    } else {
      say(mistake + "; ignored");
    }
  }
  return join_option_texts(variable("WEIR_OPTIONS"), given);
}

}  // namespace

int oom(const OomRequest& request) {
  const Resolution program = resolve_program(request.command.front(), variable("PATH"));
  if (program.error != 0) {
    say(fmt::format("{}: {}", request.command.front(), program.complaint));
    return program.error == ENOENT ? kNotFound : kNotExecutable;
  }
  const Inspection inspection = inspect_program(program.path);
  if (inspection.obstacle != Obstacle::kNone) {
    say(fmt::format("{} {}: the preload cannot take effect", inspection.path, describe(inspection)));
    return kNotRun;
  }
  prepare_environment();
  const LibraryPlace library = find_library();
  if (library.path.empty()) {
    say(library.complaint);
    return kNotRun;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = interrupted + 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  Session session(request, library.path, options_of(request));
  if (!session.run_well()) return interrupted != 0 ? 128 + SIGINT : kNotRun;
  if (!session.has_stacks()) {
    say(fmt::format("{} allocates nothing that could fail", request.command.front()));
    return kNotRun;
  }
  session.run_failures();
  const int status = session.tell();
  return interrupted != 0 ? 128 + SIGINT : status;
}

}  // namespace weir
