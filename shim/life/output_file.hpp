// Files that options name: stderr, stdout, or a path in which %p is the process id and %e the program's name.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

inline constexpr std::size_t kOutputRoom = 4096;

// The pattern with %p and %e replaced, into `name`, with a NUL at the end; cut where it does not fit.
void expand_output(std::string_view pattern, char* name, std::size_t room) noexcept;

// A descriptor to append to, or with `anew` of an empty file; error_fd() for "stderr", and where the file
// cannot be opened (after a line that says so, naming the option). *opened tells whether it is to be closed.
// No malloc.
int open_output(const char* pattern, const char* option, bool anew, bool* opened) noexcept;

}  // namespace weir
