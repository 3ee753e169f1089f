#include "tools/commands/run.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/launch/environment.hpp"
#include "tools/launch/find_library.hpp"
#include "tools/launch/prepare.hpp"
#include "tools/routes/rule_set.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

// What goes into WEIR_ROUTES. False when a rule is wrong: rules on the command line were just typed.
bool take_routes(const RunRequest& request, std::string& variable) {
  if (!request.routes_file.empty()) {
    std::error_code error;
    variable = '@' + std::filesystem::absolute(request.routes_file, error).string();
  } else {
    variable = request.routes;
  }
  std::string text = variable;
  std::string place = "--route";
  std::string error;
  if (!read_rules_text(text, place, error)) {
    say(error);
    return false;
  }
  const RuleSet set(std::move(text), place);
  for (const std::string& mistake : set.mistakes()) fmt::print(stderr, "{}", mistake);
  for (const std::string& warning : set.warnings()) say(warning);
  return set.mistakes().empty();
}

// Who tries routes wants to see what they bring, and on the bare heap; unless options say otherwise.
std::string options_for_routes(std::string_view options) {
  bool has_mode = false;
  bool has_stats = false;
  for (const OptionPair& pair : split_options(options)) {
    has_mode = has_mode || pair.key == "mode";
    has_stats = has_stats || pair.key == "stats";
  }
  std::string implied;
  if (!has_mode) implied = join_option("mode", "pass");
  if (!has_mode && !has_stats) implied = join_option_texts(implied, join_option("stats", "1"));
  return join_option_texts(implied, options);
}

int execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  say(fmt::format("{}: {}", command.front(), std::strerror(error)));
  return error == ENOENT ? kNotFound : kNotExecutable;
}

}  // namespace

int run(const RunRequest& request) {
  std::string options;
  std::string routes;
  if (!join_given_options(request.options, options)) return kNotRun;
  const bool has_routes = !request.routes.empty() || !request.routes_file.empty();
  if (has_routes && !take_routes(request, routes)) return kNotRun;
  if (has_routes) options = options_for_routes(options);

  std::string program;
  if (const int status = find_program(request.command.front(), program); status != 0) return status;
  if (can_preload(program)) {
    prepare_environment();
    const LibraryPlace library = find_library();
    if (library.path.empty()) {
      say(library.complaint);
      return kNotRun;
    }
    setenv("LD_PRELOAD", preload_with(environment("LD_PRELOAD"), library.path).c_str(), 1);
    setenv("WEIR_ROOT_PID", std::to_string(getpid()).c_str(), 1);
    if (!options.empty()) setenv("WEIR_OPTIONS", options.c_str(), 1);
    if (has_routes) setenv("WEIR_ROUTES", routes.c_str(), 1);
  }
  return execute(request.command);
}

}  // namespace weir
