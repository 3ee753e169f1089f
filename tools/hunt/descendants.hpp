// The processes that a process has started, and theirs, as /proc tells.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

// A process that cannot be taken for a later one with its number.
struct Process {
  pid_t pid;
  std::uint64_t started;  // in the system's ticks since boot
};

std::optional<Process> find_process(pid_t pid);

// Without the process itself. Those whose parent has ended are nobody's any more.
std::vector<Process> descendants_of(pid_t root);

bool is_alive(const Process& process);  // and no zombie
void send_signal(const Process& process, int number);

// Whether the process has a handler for the signal, which would end it else.
bool catches(const Process& process, int number);

// Whether it executes the file that this process does: it prints a report.
bool is_this_tool(const Process& process);

}  // namespace weir
