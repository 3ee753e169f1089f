#include "tools/oom/stack_log.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace weir {

namespace {

constexpr std::size_t kHashDigits = 16;

std::string_view take_field(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

template <typename Number>
bool read(std::string_view text, Number& number, int base = 10) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  return !text.empty() && error == std::errc() && stop == end;
}

// One file's lines. Module numbers are each process's own, and begin anew when it executes another program.
class Reader {
 public:
  explicit Reader(StackLog& log) : log_(log) {
    for (std::size_t i = 0; i < log.stacks.size(); ++i) places_[log.stacks[i].hash] = i;
  }

  void take(std::string_view line) {
    const std::string process(take_field(line));
    const std::string_view word = take_field(line);
    if (word == "process") modules_[process].clear();
    if (word == "module") take_module(modules_[process], line);
    if (word == "stack") take_stack(modules_[process], line);
    if (word == "count") take_count(line);
    if (word == "failed") {
      LoggedStack stack;
      if (read_stack(modules_[process], line, stack)) log_.failed.push_back(std::move(stack));
    }
    if (word == "crash") {
      LoggedCrash crash;
      if (read(take_field(line), crash.signal) && read_frames(modules_[process], line, crash.frames)) {
        log_.crashes.push_back(std::move(crash));
      }
    }
  }

 private:
  using Numbers = std::unordered_map<unsigned, unsigned>;  // the process's -> ours

  void take_module(Numbers& numbers, std::string_view line) {
    unsigned number = 0;
    if (!read(take_field(line), number)) return;
    const std::string_view build_id = take_field(line);
    const LoggedModule module{std::string(line), build_id == "-" ? std::string() : std::string(build_id)};
    auto found = std::ranges::find(log_.modules, module);
    if (found == log_.modules.end()) found = log_.modules.insert(found, module);
    numbers[number] = static_cast<unsigned>(found - log_.modules.begin());
  }

  static bool read_frames(const Numbers& numbers, std::string_view line, std::vector<LoggedFrame>& frames) {
    while (!line.empty()) {
      const std::string_view word = take_field(line);
      const std::size_t sign = word.find_first_of("+=");
      LoggedFrame frame;
      if (sign == std::string_view::npos || !read(word.substr(0, sign), frame.module) ||
          !read(word.substr(sign + 1), frame.offset, 16)) {
        return false;
      }
      const auto known = numbers.find(frame.module);
      frame.module = known != numbers.end() ? known->second : 0;
      frame.exact = word[sign] == '=';
      frames.push_back(frame);
    }
    return true;
  }

  static bool read_stack(const Numbers& numbers, std::string_view line, LoggedStack& stack) {
    stack.hash = take_field(line);
    stack.call = take_field(line);
    return stack.hash.size() == kHashDigits && read(take_field(line), stack.bytes) &&
           read(take_field(line), stack.alignment) && read_frames(numbers, line, stack.frames);
  }

  void take_stack(const Numbers& numbers, std::string_view line) {
    LoggedStack stack;
    if (!read_stack(numbers, line, stack)) return;
    if (places_.try_emplace(stack.hash, log_.stacks.size()).second) log_.stacks.push_back(std::move(stack));
  }

  void take_count(std::string_view line) {
    const auto found = places_.find(std::string(take_field(line)));
    std::uint64_t requests = 0;
    if (found != places_.end() && read(line, requests)) log_.stacks[found->second].requests += requests;
  }

  StackLog& log_;
  std::unordered_map<std::string, Numbers> modules_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace

void StackLog::read(std::string_view text) {
  Reader reader(*this);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;  // the process was killed while it wrote
    reader.take(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

}  // namespace weir
