// The `weir` command: its command line. What the subcommands do is in commands/.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>

#include "shim/abi/findings.hpp"
#include "shim/abi/near_word.hpp"
#include "shim/abi/option_values.hpp"
#include "shim/abi/route_words.hpp"
#include "tools/commands/check.hpp"
#include "tools/commands/hunt.hpp"
#include "tools/commands/incident_report.hpp"
#include "tools/commands/leak_report.hpp"
#include "tools/commands/limit_report.hpp"
#include "tools/commands/oom.hpp"
#include "tools/commands/route_sites.hpp"
#include "tools/commands/routes.hpp"
#include "tools/commands/run.hpp"
#include "tools/help_texts.hpp"
#include "tools/options/listing.hpp"
#include "tools/say.hpp"

namespace {

constexpr std::size_t kColumns = 80;

// Options that people type often have a flag of their own; `--option` takes all of them.
struct Shorthand {
  const char* flag;
  const char* option;
  const char* help;
  bool is_switch;
};
constexpr Shorthand kShorthands[] = {
    {"--mode", "mode", "leak; guard; pass: only route the heap to jemalloc", false},
    {"--log", "log_path", "file for the report (%p pid, %e program)", false},
    {"--json", "json_path", "file for the report as JSON (%p and %e too)", false},
    {"--suppressions", "suppressions", "file of leak:PATTERN lines", false},
    {"--exitcode", "exitcode", "exit status when there are leaks (0: own)", false},
    {"--max-leaks", "max_leaks", "print this many leaks, largest first", false},
    {"--min-leak-bytes", "min_leak_bytes", "don't print leaks of fewer bytes", false},
    {"--summary", "summary", "the summary line: leaks, always or never", false},
    {"--color", "color", "auto, always or never", false},
    {"--show-reachable", "show_reachable", "also list what is still reachable", true},
    {"--stats", "stats", "print at exit what each route took", true},
    {"--strict", "strict", "don't start when an option is wrong", true},
};

// CLI11's help, with the usage of `run`, whose program and arguments it does not know.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kHelpColumn); }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_prefix_command()) {
      return fmt::format("Usage: weir {} [OPTIONS] [--] PROGRAM [ARGUMENTS]\n", app->get_name());
    }
    if (app->get_parent() != nullptr) name = "weir " + app->get_name();
    return CLI::Formatter::make_usage(app, name);
  }

  // CLI11 shows what a flag without value stands for: "--guard{on}".
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    const std::size_t brace = name.find('{');
    if (brace != std::string::npos) name.replace(brace, std::string::npos, "[=HOW]");
    return name;
  }

 private:
  static constexpr std::size_t kHelpColumn = 28;
};

// The program and its arguments begin behind the first "--", or with the first word that is no option.
std::vector<std::string> take_command(std::vector<std::string>& arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> command(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return command;
}

void add_rules(CLI::App& run, weir::RunRequest& request) {
  run.add_option_function<std::string>(
         "--route",
         [&](const std::string& rules) {
           request.routes += request.routes.empty() ? "" : "\n";
           request.routes += rules;
         },
         "routing rules (with mode=pass:stats=1)")
      ->type_name("RULES")
      ->trigger_on_parse();
  run.add_option("--routes-file", request.routes_file, "the same from a file")->type_name("FILE");
}

// --guard alone leaves the layout to other options.
void add_guard(CLI::App& run, std::string& how) {
  run.add_flag("--guard{on}", how, "catch misuse of the heap: canary, page, page-front");
}

void take_guard(const std::string& how, weir::RunRequest& request) {
  if (how.empty()) return;
  request.options.push_back({"mode", "guard", true});
  if (how != "on") request.options.push_back({"guard", how, true});
}

// CLI11's own way to exclude one another spoils the help.
void exclude(bool one, bool other, const char* name, const char* other_name) {
  if (one && other) throw CLI::ExcludesError(name, other_name);
}

weir::CallKind read_call(const std::string& word) {
  const auto* found = std::ranges::find(weir::kCallWords, word);
  if (found != std::end(weir::kCallWords)) {
    return static_cast<weir::CallKind>(found - std::begin(weir::kCallWords));
  }
  throw CLI::ValidationError("--call", fmt::format("'{}' is no call; the nearest is '{}'", word,
                                                   weir::nearest_word(word, weir::kCallWords)));
}

void add_routes(CLI::App& app, weir::RoutesRequest& request, int& status) {
  CLI::App* routes = app.add_subcommand("routes", "Check routing rules; tell what a request takes");
  routes->footer(weir::kRoutesFooter);
  routes->add_option("RULES", request.rules, "the rules")->type_name("");
  routes->add_option("--file", request.file, "rules from a file")->type_name("FILE");
  weir::RouteQuestion& question = request.question;
  const auto add_number = [&](const char* flag, std::optional<std::uint64_t>& to, const char* help) {
    routes
        ->add_option_function<std::string>(
            flag,
            [flag, &to](const std::string& text) {
              std::uint64_t number = 0;
              if (!weir::read_number(text, number)) {
                throw CLI::ValidationError(flag, fmt::format("'{}' is no number", text));
              }
              to = number;
            },
            help)
        ->type_name("N");
  };
  add_number("--size", question.size, "which route a request of N bytes takes");
  add_number("--align", question.alignment, "... with this alignment (16 when not given)");
  routes->add_option("--thread", question.thread, "... in a thread of this name")->type_name("NAME");
  routes->add_option("--module", question.module, "... by this module, a path")->type_name("FILE");
  routes->add_option("--caller", question.caller, "... by this function")->type_name("NAME");
  routes->add_option("--source", question.source, "... by a line of this source file")->type_name("FILE");
  routes
      ->add_option_function<std::string>(
          "--call", [&](const std::string& word) { question.call = read_call(word); },
          "... by malloc, calloc, realloc, memalign, new, new[]")
      ->type_name("CALL");
  routes->callback([&] {
    exclude(request.rules.has_value(), !request.file.empty(), "--file", "RULES");
    status = weir::routes(request);
  });
}

weir::LeakRule read_leak_rule(const std::string& word) {
  if (word == "all") return weir::LeakRule::kAll;
  if (word == "same") return weir::LeakRule::kSameStatus;
  if (word == "none") return weir::LeakRule::kNone;
  throw CLI::ValidationError("--leaks", fmt::format("'{}' is none of all, same, none", word));
}

void add_oom(CLI::App& app, weir::OomRequest& request, int& status) {
  CLI::App* oom = app.add_subcommand("oom", "Fail each allocation once; tell what can't take it");
  oom->footer(weir::kOomFooter);
  oom->prefix_command();
  oom->add_option_function<std::string>(
         "-o,--option", [&](const std::string& pair) { request.options.push_back(weir::split_pair(pair)); },
         "any of `weir options`, for every run")
      ->type_name("KEY=VALUE")
      ->trigger_on_parse();
  oom->add_option("--jobs,-j", request.jobs, "runs at a time (processors)")->type_name("N");
  oom->add_option("--timeout", request.timeout, "of each run (10 times the good one, at least 1)")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber);
  oom->add_option("--limit", request.limit, "try the first N stacks only")->type_name("N");
  oom->add_option("--only", request.only, "stacks with this function, module or source file")
      ->type_name("PATTERN");
  oom->add_option_function<std::string>(
         "--leaks", [&](const std::string& word) { request.leaks = read_leak_rule(word); },
         "all; same: of runs with the good run's status; none")
      ->type_name("WHICH");
  oom->add_flag("--guard", request.guard, "also catch misuse of the heap (mode=guard)");
  oom->add_flag("--abort-is-handled", request.abort_is_handled, "SIGABRT is a right answer");
  oom->add_flag("--ignore-output", request.ignore_output, "don't compare the standard output");
  oom->add_option("--json", request.json, "file for the results as JSON")->type_name("FILE");
  oom->final_callback([&, oom] {
    const std::vector<std::string> rest = oom->remaining();
    request.command.insert(request.command.begin(), rest.begin(), rest.end());
    if (request.command.empty()) throw CLI::RequiredError("PROGRAM");
    if (!rest.empty() && rest.front().starts_with('-')) throw CLI::ExtrasError("oom", {rest.front()});
    status = weir::oom(request);
  });
}

constexpr double kMostHuntSeconds = 1e6;

void choose_layouts(weir::HuntRequest& request, const std::string& words) {
  std::string error;
  request.layouts.clear();
  if (!weir::choose_layouts(words, request.layouts, error)) throw CLI::ValidationError("--layouts", error);
}

void add_hunt(CLI::App& app, weir::HuntRequest& request, int& status) {
  request.layouts.assign(weir::layouts().begin(), weir::layouts().end());
  CLI::App* hunt = app.add_subcommand("hunt", "Run a program under every layout of the guard");
  hunt->footer(weir::kHuntFooter);
  hunt->prefix_command();
  hunt->add_option_function<std::string>(
          "-o,--option", [&](const std::string& pair) { request.options.push_back(weir::split_pair(pair)); },
          "any of `weir options`, for every run")
      ->type_name("KEY=VALUE")
      ->trigger_on_parse();
  hunt->add_option_function<std::string>(
          "--layouts", [&](const std::string& words) { choose_layouts(request, words); },
          "of canary,page,page-front,freed (all)")
      ->type_name("LIST");
  hunt->add_option_function<double>(
          "--timeout",
          [&](double seconds) { request.limit = std::chrono::milliseconds(std::llround(seconds * 1000)); },
          "time limit of each run (none)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, kMostHuntSeconds).description(""));
  hunt->add_flag("--all-output", request.shows_all_output, "show what every run prints, not only the first");
  hunt->add_option("--exitcode", request.exitcode, "exit status when something was found (1)")
      ->type_name("N")
      ->check(CLI::Range(0, 255).description(""));
  hunt->add_option("--log", request.log_path, "file for the report, or stdout (stderr)")->type_name("FILE");
  hunt->add_option("--json", request.json_path, "file for the report as JSON")->type_name("FILE");
  hunt->add_option("--color", request.color, "auto, always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""));
  hunt->final_callback([&request, &status, hunt] {
    const std::vector<std::string> rest = hunt->remaining();
    request.command.insert(request.command.begin(), rest.begin(), rest.end());
    if (request.command.empty()) throw CLI::RequiredError("PROGRAM");
    if (!rest.empty() && rest.front().starts_with('-')) throw CLI::ExtrasError("hunt", {rest.front()});
    status = weir::hunt(request);
  });
}

void say_unknown_command(const CLI::App& app, std::string_view word) {
  std::string names;
  std::string nearest;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;  // the library's
    names += (names.empty() ? "" : ", ") + command->get_name();
    constexpr std::size_t kNear = 2;
    const std::size_t distance = weir::word_distance(word, command->get_name());
    if (distance <= kNear && (nearest.empty() || distance < weir::word_distance(word, nearest)))
      nearest = command->get_name();
  }
  weir::say(fmt::format(
      "no command '{}'; {}", word,
      nearest.empty() ? fmt::format("there are {}", names) : fmt::format("did you mean '{}'?", nearest)));
}

int parse(int argc, char** argv) {
  CLI::App app{weir::kAbout, "weir"};
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.set_help_flag("-h,--help", "Print this help");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("weir: {} (weir --help tells more)\n", error.what());
  });
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(weir::kExamples);
  app.require_subcommand(1);

  weir::RunRequest request;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  request.command = take_command(arguments);
  int status = 0;

  CLI::App* run = app.add_subcommand("run", "Run a program under weir");
  run->footer(weir::kRunFooter);
  run->prefix_command();
  run->add_option_function<std::string>(
         "-o,--option", [&](const std::string& pair) { request.options.push_back(weir::split_pair(pair)); },
         "any of `weir options`")
      ->type_name("KEY=VALUE")
      ->trigger_on_parse();
  std::string guard;
  add_guard(*run, guard);
  for (const Shorthand& shorthand : kShorthands) {
    if (shorthand.is_switch) {
      run->add_flag_callback(
          shorthand.flag,
          [&] {
            request.options.push_back({shorthand.option, "1", true});
          },
          shorthand.help);
    } else {
      run->add_option_function<std::string>(
             shorthand.flag,
             [&](const std::string& value) {
               request.options.push_back({shorthand.option, value, true});
             },
             shorthand.help)
          ->type_name("VALUE")
          ->trigger_on_parse();
    }
  }
  add_rules(*run, request);
  run->final_callback([&] {
    take_guard(guard, request);
    const std::vector<std::string> rest = run->remaining();
    request.command.insert(request.command.begin(), rest.begin(), rest.end());
    if (request.command.empty()) throw CLI::RequiredError("PROGRAM");
    exclude(!request.routes.empty(), !request.routes_file.empty(), "--routes-file", "--route");
    if (!rest.empty() && rest.front().starts_with('-')) throw CLI::ExtrasError("run", {rest.front()});
    status = weir::run(request);
  });

  CLI::App* options = app.add_subcommand("options", "List every option: its default, range and meaning");
  bool markdown = false;
  options->add_flag("--markdown", markdown, "as a table for documents");
  options->callback([&] {
    fmt::print("{}", markdown ? weir::options_as_markdown() : weir::options_for_terminal(kColumns));
  });

  weir::RoutesRequest routes;
  add_routes(app, routes, status);

  weir::OomRequest oom;
  oom.command = request.command;
  add_oom(app, oom, status);

  weir::HuntRequest hunt;
  hunt.command = request.command;
  add_hunt(app, hunt, status);

  CLI::App* check = app.add_subcommand("check", "Ask a running program for a leak check");
  int pid = 0;
  check->add_option("PID", pid, "the process, started under weir")->required()->type_name("");
  check->callback([&] { status = weir::check(pid); });

  int fd = -1;
  std::string file;
  const auto add_report = [&](const char* name, int (*print)(int, const std::string&)) {
    CLI::App* report = app.add_subcommand(name, "Print findings: the library starts this")->group("");
    CLI::Option* from_fd = report->add_option("--fd", fd, "descriptor of the findings");
    CLI::Option* from_file =
        report->add_option("FILE,--file", file, "file with the findings")->excludes(from_fd);
    report->callback([&status, &fd, &file, from_fd, from_file, print] {
      if (from_fd->empty() && from_file->empty()) throw CLI::RequiredError("--fd or FILE");
      status = print(fd, file);
    });
  };
  add_report("leak-report", weir::leak_report);
  add_report("incident-report", weir::incident_report);
  add_report("limit-report", weir::limit_report);

  CLI::App* sites = app.add_subcommand("route-sites", "Find call sites: the library starts this")->group("");
  sites->add_option("--fd", fd, "descriptor of the question, and for the answer")->required();
  sites->callback([&] { status = weir::route_sites(fd); });

  if (!arguments.empty() && !arguments.front().starts_with('-') &&
      app.get_subcommands([&](const CLI::App* command) { return command->check_name(arguments.front()); })
          .empty()) {
    say_unknown_command(app, arguments.front());
    return weir::kNotRun;
  }
  try {
    std::ranges::reverse(arguments);  // as CLI11 wants them
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : weir::kNotRun;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return parse(argc, argv);
  } catch (const std::exception& error) {
    weir::say(error.what());
    return weir::kReportFailed;
  }
}
