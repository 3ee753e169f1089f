#include "tools/say.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace weir {

namespace {

// Made at first use: most runs of `weir run` say nothing, and each is in front of somebody's program.
spdlog::logger& log() {
  static spdlog::logger logger = [] {
    spdlog::logger made("weir", std::make_shared<spdlog::sinks::stderr_sink_st>());
    made.set_pattern("weir: %v");
    made.set_level(spdlog::level::info);
    return made;
  }();
  return logger;
}

}  // namespace

void set_verbosity(unsigned verbosity) {
  if (verbosity >= 2) log().set_level(spdlog::level::debug);
}

void say(std::string_view line) {
  log().info(spdlog::string_view_t(line.data(), line.size()));
}
void say_detail(std::string_view line) {
  log().debug(spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace weir
