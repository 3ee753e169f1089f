#include "tools/hunt/descendants.hpp"

#include <fmt/core.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace weir {

namespace {

struct Status {
  char state;
  pid_t parent;
  std::uint64_t started;
};

std::optional<Status> status_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream words(text.substr(name_end + 1));
  Status status = {};
  words >> status.state >> status.parent;
  constexpr int kStartTime = 22;  // proc(5)'s number of the field; the two read last are 3 and 4
  std::string word;
  for (int field = 5; field < kStartTime; ++field) words >> word;
  words >> status.started;
  return words ? std::optional(status) : std::nullopt;
}

}  // namespace

std::optional<Process> find_process(pid_t pid) {
  const std::optional<Status> status = status_of(pid);
  return status ? std::optional(Process{pid, status->started}) : std::nullopt;
}

std::vector<Process> descendants_of(pid_t root) {
  std::unordered_multimap<pid_t, Process> by_parent;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    const std::optional<Status> status = status_of(pid);
    if (status) by_parent.emplace(status->parent, Process{pid, status->started});
  }
  std::vector<Process> found;
  const auto add_children = [&](pid_t parent) {
    const auto [begin, end] = by_parent.equal_range(parent);
    for (auto child = begin; child != end; ++child) found.push_back(child->second);
  };
  add_children(root);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(found[i].pid);
  return found;
}

bool is_alive(const Process& process) {
  const std::optional<Status> status = status_of(process.pid);
  return status && status->started == process.started && status->state != 'Z' && status->state != 'X';
}

void send_signal(const Process& process, int number) {
  if (is_alive(process)) kill(process.pid, number);
}

bool catches(const Process& process, int number) {
  std::ifstream file(fmt::format("/proc/{}/status", process.pid));
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kCaught = "SigCgt:\t";
    if (!line.starts_with(kCaught)) continue;
    std::uint64_t signals = 0;
    std::from_chars(line.data() + kCaught.size(), line.data() + line.size(), signals, 16);
    return is_alive(process) && (signals >> (number - 1) & 1) != 0;
  }
  return false;
}

bool is_this_tool(const Process& process) {
  std::error_code error;
  return std::filesystem::equivalent(fmt::format("/proc/{}/exe", process.pid), "/proc/self/exe", error);
}

}  // namespace weir
