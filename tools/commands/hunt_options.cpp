#include "tools/commands/hunt_options.hpp"

#include <cmath>

namespace weir {

namespace {

constexpr const char* kFooter =
    "No layout sees everything: canary checks what was written when a block is freed\n"
    "and when the program ends; page and page-front stop at the access that leaves a\n"
    "block at its end or its start; freed holds back as much freed memory as it can.\n"
    "A bug that several layouts see is reported once. The status is 0 when nothing\n"
    "was found, 1 when something was (--exitcode), 3 when nothing was but a run did\n"
    "not come to its end.\n"
    "Example: weir hunt --timeout 60 -- ./app --its-own arguments";

constexpr double kMostSeconds = 1e6;

void choose(HuntRequest& request, const std::string& words) {
  std::string error;
  request.layouts.clear();
  if (!choose_layouts(words, request.layouts, error)) throw CLI::ValidationError("--layouts", error);
}

}  // namespace

void add_hunt(CLI::App& app, HuntRequest& request, int& status) {
  request.layouts.assign(layouts().begin(), layouts().end());
  CLI::App* hunt = app.add_subcommand("hunt", "Run a program under every layout of the guard");
  hunt->footer(kFooter);
  hunt->prefix_command();
  hunt->add_option_function<std::string>(
          "-o,--option", [&](const std::string& pair) { request.options.push_back(split_pair(pair)); },
          "any of `weir options`, for every run")
      ->type_name("KEY=VALUE")
      ->trigger_on_parse();
  hunt->add_option_function<std::string>(
          "--layouts", [&](const std::string& words) { choose(request, words); },
          "of canary,page,page-front,freed (all)")
      ->type_name("LIST");
  hunt->add_option_function<double>(
          "--timeout",
          [&](double seconds) { request.limit = std::chrono::milliseconds(std::llround(seconds * 1000)); },
          "time limit of each run (none)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, kMostSeconds).description(""));
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

}  // namespace weir
