// Starts the `weir` tool in a process of its own, with weir taken out of its environment: what needs names or
// formatting is its work.
//
// start_tool is async-signal-safe and never calls malloc; find_tool belongs into the constructor (it takes
// the loader's lock).
#pragma once

namespace weir {

// Looks for the tool, while the program's own environment and directory are still untouched. Idempotent.
void find_tool() noexcept;
bool has_tool() noexcept;

// An empty memory file, closed on exec, that is none of the standard streams; or -errno.
int make_memory_file(const char* name) noexcept;

// Runs `weir COMMAND --fd FD` and waits for its end. The tool's exit status; -1 when it could not be started.
int start_tool(const char* command, int fd) noexcept;

}  // namespace weir
