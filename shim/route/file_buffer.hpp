// Fixed buffers that lie in a file: fixed(file=PATH, shared).
//
// The mapping is the file's own pages, so a forked child would write to its parent's blocks. The child
// therefore gets a copy in memory, and the forking thread of the parent waits until it has it. What other
// threads of the parent write in that moment the child may see; and a process made by a bare clone without
// fork's handlers gets no copy. The file is locked for as long as its descriptor is open: a second process
// with the same rule stays in memory. No malloc.
#pragma once

#include <cstdint>

#include "shim/route/chunk.hpp"

namespace weir {

// The pages at `start` become the route's file, as large as they are. False after a line that says why not:
// then they stay memory.
bool map_file(const ArenaRoute& route, char* start, std::uint64_t bytes) noexcept;

// A fork's moments, while nobody allocates from the buffers.
void before_fork_of_files() noexcept;
void wait_for_child_of_files() noexcept;
void leave_files_to_parent() noexcept;

}  // namespace weir
