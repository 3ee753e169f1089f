// What the library appends for options alloc_stacks and fail_report, read back: docs/FAILURES.md has the
// format. Stacks of all processes together; a line that cannot be read is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct LoggedModule {
  std::string path;
  std::string build_id;  // in hex; empty when it has none
  bool operator==(const LoggedModule&) const = default;
};

struct LoggedFrame {
  unsigned module = 0;  // index into StackLog::modules; 0 is no module
  std::uint64_t offset = 0;
  bool exact = false;  // else a return address
  bool operator==(const LoggedFrame&) const = default;
};

struct LoggedStack {
  std::string hash;  // 16 digits
  std::string call;  // "malloc", "new[]", …
  std::uint64_t bytes = 0;
  std::uint64_t alignment = 0;
  std::uint64_t requests = 0;
  std::vector<LoggedFrame> frames;  // innermost first
};

struct LoggedCrash {
  int signal = 0;
  std::vector<LoggedFrame> frames;
};

struct StackLog {
  std::vector<LoggedModule> modules{1};
  std::vector<LoggedStack> stacks;  // each hash once, in the order in which they were first seen
  std::vector<LoggedStack> failed;
  std::vector<LoggedCrash> crashes;

  // Adds a file's text. Modules of several files are one list.
  void read(std::string_view text);
};

}  // namespace weir
