// What commands that start a program have in common: its options, its file, the library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/options/split.hpp"

namespace weir {

inline constexpr int kNotRun = 2;           // strict=1, wrong rules, no library: the program was not started
inline constexpr int kNotExecutable = 126;  // as a shell's
inline constexpr int kNotFound = 127;

// The variable's value; empty when there is none.
std::string_view environment(const char* name);

// WEIR_OPTIONS of this process, and behind it those of the given that are right: a line tells of each that is
// not. False when strict=1 forbids to go on.
bool join_given_options(const std::vector<OptionPair>& given, std::string& into);

// 0 and where execvp will find the program; else, after a line that says why, the exit status for it.
int find_program(const std::string& name, std::string& path);

// Sets what the environment of all programs that are started must have beside the preload.
void prepare_environment();

// One line when the preload has no effect on this program. False when it must not be asked for either.
bool can_preload(const std::string& path);

}  // namespace weir
