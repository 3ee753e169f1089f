// Starts the `weir` tool in a process of its own, with weir taken out of its environment: what needs names or
// formatting is its work.
//
// start_tool is async-signal-safe and never calls malloc, and calls nothing that a program may define; find_tool
// belongs into the constructor. The tool's processes have their own descriptors, limits and signal actions, so that
// what the program has done to its own does not matter; they stay out of the program's waits (life/own_children).
#pragma once

#include <cstdint>

namespace weir {

// Looks for the tool, while the program's own environment and directory are still untouched. Idempotent.
void find_tool() noexcept;

// Why the tool cannot be started as things are, as the end of a sentence; nullptr where nothing speaks against it.
const char* tool_obstacle() noexcept;
inline bool has_tool() noexcept {
  return tool_obstacle() == nullptr;
}

// An empty memory file, closed on exec, that is none of the standard streams; or -errno.
int make_memory_file(const char* name) noexcept;

// Runs `weir COMMAND --fd N`, where N reads these bytes, and waits for its end. The tool's exit status; -1 when it
// could not be started, or died.
int start_tool(const char* command, const void* input, std::uint64_t bytes) noexcept;

// The same with a descriptor of the caller's, which the tool may answer into.
int start_tool(const char* command, int fd) noexcept;

}  // namespace weir
