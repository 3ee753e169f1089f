// Where reports go: log_path, json_path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/options/settings.hpp"

namespace weir {

// %p is the process id, %e the program's name, %% a percent sign; any other stays as it is.
std::string expand_path(std::string_view path, std::uint32_t pid, std::string_view program);

// The descriptor that log_path names, open for appending; stderr, and one line saying why, when it can't be.
class ReportLog {
 public:
  ReportLog(const std::string& log_path, std::uint32_t pid, std::string_view program);
  ~ReportLog();
  ReportLog(const ReportLog&) = delete;
  ReportLog& operator=(const ReportLog&) = delete;

  // Whether the option `color` means colour here.
  bool wants_color(std::string_view color) const;

  // In one write where the system takes it whole, so that the reports of several processes stay apart. What does not
  // go into the file is said and goes to stderr; a reader who is gone is told nothing. False when nobody has got all of it.
  bool write(std::string_view text) const;

 private:
  int fd_;
  std::string path_;
};

// Replaces the file as a whole. Nothing, or why it can't be done.
std::string write_file(const std::string& path, std::string_view text);

// Adds to the file's end, in one write where the system takes it whole. Nothing, or why it can't be done.
std::string append_to_file(const std::string& path, std::string_view text);

}  // namespace weir
