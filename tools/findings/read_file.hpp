// The whole of a file in memory, from a descriptor or a path.
//
// Read, not mapped: a file that another process cuts short under a mapping would kill the reader (SIGBUS).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weir {

// From the file's beginning where it can be positioned (whatever the descriptor's own position), else to the
// pipe's end. False with one clause in `error` when it cannot be read.
bool read_descriptor(int fd, std::vector<std::byte>& into, std::string& error);

bool read_path(const std::string& path, std::vector<std::byte>& into, std::string& error);

}  // namespace weir
