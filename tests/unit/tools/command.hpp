// Starts the `weir` command as a user does.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/unit/tools/scratch.hpp"

namespace weir {

struct CommandOutcome {
  int status = -1;
  std::string text;    // standard output
  std::string errors;  // standard error
};

// A line for the shell, behind the tool's path.
inline CommandOutcome weir(const std::string& arguments, const std::string& variables = {}) {
  const Scratch scratch;
  const std::string command =
      "unset WEIR_ROUTES WEIR_OPTIONS LD_PRELOAD; export WEIR_LIBRARY='" WEIR_LIBRARY_FILE "'; " + variables +
      " '" WEIR_TOOL_FILE "' " + arguments + " 2>'" + (scratch / "errors") + "'";
  CommandOutcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer;
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) != 0;) {
    outcome.text.append(buffer.data(), n);
  }
  outcome.status = WEXITSTATUS(pclose(pipe));
  outcome.errors = Scratch::read(scratch / "errors");
  return outcome;
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// What the program gets of a variable.
inline std::string variable(const CommandOutcome& outcome, const std::string& name) {
  const std::string lines = '\n' + outcome.text;
  const std::size_t at = lines.find('\n' + name + '=');
  if (at == std::string::npos) return "(none)";
  const std::size_t from = at + name.size() + 2;
  return lines.substr(from, lines.find('\n', from) - from);
}

}  // namespace weir
