#include "tools/launch/prepare.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "tools/launch/environment.hpp"
#include "tools/launch/inspect.hpp"
#include "tools/launch/resolve.hpp"
#include "tools/options/settings.hpp"
#include "tools/options/table.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

// A path on the command line means the directory where it was typed;
// the program may be elsewhere when it ends.
std::string absolute_path(const OptionPair& pair) {
  constexpr std::string_view kPaths[] = {"log_path",    "json_path",    "stats_path",   "log_file",
                                         "fail_report", "alloc_stacks", "suppressions", "tool"};
  const bool is_path = std::ranges::find(kPaths, pair.key) != std::end(kPaths);
  const bool is_word = pair.value.empty() || pair.value == "stderr" || pair.value == "stdout";
  std::error_code error;
  return is_path && !is_word ? std::filesystem::absolute(pair.value, error).string() : pair.value;
}

}  // namespace

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

bool join_given_options(const std::vector<OptionPair>& given, std::string& into) {
  std::vector<std::string> mistakes;
  std::string right;
  for (const OptionPair& pair : given) {
    std::string mistake = option_mistake(pair.key, pair.value);
    if (!mistake.empty()) {
      mistakes.push_back(std::move(mistake));
    } else {
      right = join_option_texts(right, join_option(pair.key, absolute_path(pair)));
    }
  }
  into = join_option_texts(environment("WEIR_OPTIONS"), right);
  const bool strict = settings_of_environment(into).strict;
  for (const std::string& mistake : mistakes) {
    say(fmt::format("{}; {}", mistake, strict ? "not started (strict=1)" : "ignored"));
  }
  return mistakes.empty() || !strict;
}

int find_program(const std::string& name, std::string& path) {
  Resolution program = resolve_program(name, environment("PATH"));
  if (program.error != 0) {
    say(fmt::format("{}: {}", name, program.complaint));
    return program.error == ENOENT ? kNotFound : kNotExecutable;
  }
  path = std::move(program.path);
  return 0;
}

void prepare_environment() {
  if (environment("LD_AUDIT").empty()) return;
  setenv("GLIBC_TUNABLES", tunables_for_audit(environment("GLIBC_TUNABLES")).c_str(), 1);
}

bool can_preload(const std::string& path) {
  const Inspection inspection = inspect_program(path);
  if (inspection.obstacle == Obstacle::kNone) return true;
  say(fmt::format("{} {}: the preload cannot take effect, it runs without weir", inspection.path,
                  describe(inspection)));
  return false;
}

}  // namespace weir
