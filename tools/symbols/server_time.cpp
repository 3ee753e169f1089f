#include "tools/symbols/server_time.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weir {

namespace {

std::chrono::duration<double> time_asked_for() {
  constexpr int kDefault = 10;
  int seconds = kDefault;
  const char* text = std::getenv("DEBUGINFOD_TIMEOUT");
  if (text != nullptr &&
      (std::from_chars(text, text + std::strlen(text), seconds).ec != std::errc() || seconds < 1)) {
    seconds = kDefault;
  }
  return std::chrono::seconds(seconds);
}

std::chrono::duration<double>& time_left() {
  static std::chrono::duration<double> left = time_asked_for();
  return left;
}

}  // namespace

ServerTime::ServerTime() : began_(std::chrono::steady_clock::now()) {
  const double left = time_left().count();
  if (left <= 0) {
    unsetenv("DEBUGINFOD_URLS");
    return;
  }
  // Whole seconds, and 0 is no limit. Without an answer the library would ask again, twice.
  const std::string seconds = std::to_string(static_cast<int>(left) + (left < 1 ? 1 : 0));
  setenv("DEBUGINFOD_TIMEOUT", seconds.c_str(), 1);
  setenv("DEBUGINFOD_MAXTIME", seconds.c_str(), 1);
  setenv("DEBUGINFOD_RETRY_LIMIT", "0", 1);
}

ServerTime::~ServerTime() {
  time_left() -= std::chrono::steady_clock::now() - began_;
}

}  // namespace weir
