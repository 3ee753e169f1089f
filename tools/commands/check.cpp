#include "tools/commands/check.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "tools/findings/read_file.hpp"
#include "tools/options/settings.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

bool read_text(const std::string& path, std::string& into, std::string& error) {
  std::vector<std::byte> bytes;
  // Files of /proc tell no size, but end like any other.
  if (!read_path(path, bytes, error)) return false;
  into.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

// The folder in /proc of a thread of the process that has its memory: the first one is left without when it ends alone.
std::string folder_with_memory(const std::string& of_process) {
  std::string maps;
  std::string error;
  if (read_text(of_process + "/maps", maps, error) && !maps.empty()) return of_process;
  std::error_code none;
  for (const auto& thread : std::filesystem::directory_iterator(of_process + "/task", none)) {
    if (read_text(thread.path().string() + "/maps", maps, error) && !maps.empty())
      return thread.path().string();
  }
  return of_process;
}

std::string_view variable(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const std::string_view entry = environment.substr(0, environment.find('\0'));
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return entry.substr(name.size() + 1);
    }
    environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
  }
  return {};
}

// Whether a set of signals in a process's status has this one.
bool holds(std::string_view status, std::string_view set, std::uint64_t signal) {
  const std::size_t at = status.find(fmt::format("\n{}:\t", set));
  if (at == std::string_view::npos) return false;
  const std::string_view digits = status.substr(at + set.size() + 3);
  std::uint64_t mask = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  return (mask >> (signal - 1) & 1) != 0;
}

int refuse(std::string_view why) {
  say(why);
  return 1;
}

// Whether a thread of the process has taken the signal, or the process has ended. A daemon that waits for its signals
// by sigwait blocks them in all threads.
bool is_taken(const std::string& status_path, std::uint64_t signal) {
  constexpr auto kLongest = std::chrono::seconds(1);
  constexpr auto kPause = std::chrono::milliseconds(10);
  std::string status;
  std::string error;
  for (const auto end = std::chrono::steady_clock::now() + kLongest;;) {
    if (!read_text(status_path, status, error) || !holds(status, "ShdPnd", signal)) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

int check(int pid, const std::string& proc) {
  if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) return refuse(fmt::format("no process {}", pid));
  const std::string folder = folder_with_memory(fmt::format("{}/{}", proc, pid));
  std::string maps;
  std::string environment;
  std::string status;
  std::string error;
  for (const auto& [name, into] :
       {std::pair{"/maps", &maps}, std::pair{"/environ", &environment}, std::pair{"/status", &status}}) {
    if (!read_text(folder + name, *into, error)) return refuse(fmt::format("process {}: {}", pid, error));
  }
  if (maps.find("/libweir.so") == std::string::npos) {
    return refuse(fmt::format("process {} does not run under weir", pid));
  }
  const std::uint64_t signal = settings_of_environment(variable(environment, "WEIR_OPTIONS")).report_signal;
  if (signal == 0) return refuse(fmt::format("process {} runs with report_signal=0", pid));
  // Without a handler the signal would end it.
  if (!holds(status, "SigCgt", signal)) {
    return refuse(
        fmt::format("process {} does not listen to signal {} (report_signal): weir is off in it, or the "
                    "program took the signal away",
                    pid, signal));
  }
  if (kill(pid, static_cast<int>(signal)) != 0) {
    return refuse(fmt::format("process {}: {}", pid, std::strerror(errno)));
  }
  if (!is_taken(folder + "/status", signal)) {
    return refuse(
        fmt::format("process {} does not answer: all its threads block signal {} (report_signal), or are "
                    "stopped; it makes the check when one lets the signal through",
                    pid, signal));
  }
  return 0;
}

}  // namespace weir
