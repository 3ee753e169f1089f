// Which of weir's ways this process goes: one byte, fixed inside the first allocation, read by every one.
//
// kUnset lasts until then; start() leaves it for good. The branch on it is free because it always goes the
// same way (DESIGN's decision 2).
#pragma once

#include <atomic>
#include <cstdint>

namespace weir {

// kRoute is mode=pass with routes or stats. kWatch is what entry points see where fail=, limit= or log= stand
// in front of one of the others.
enum class Mode : std::uint8_t { kUnset = 0, kPass = 1, kRoute = 2, kLeak = 3, kGuard = 4, kWatch = 5 };

extern std::atomic<Mode> current_mode;
extern std::atomic<Mode> entry_mode;

inline Mode mode() noexcept {
  return current_mode.load(std::memory_order_relaxed);
}

// Blocks have headers, stacks are kept, leaks are looked for.
inline bool tracks_blocks() noexcept {
  return mode() >= Mode::kLeak;
}

// Where entry points lead to: mode(), or kWatch.
inline Mode mode_of_entries() noexcept {
  return entry_mode.load(std::memory_order_relaxed);
}
inline bool is_watched() noexcept {
  return mode_of_entries() == Mode::kWatch;
}

// Reads the options and fixes the mode. Lock-free, idempotent, called by whoever comes first: an allocation
// of ld.so or of another library's constructor, or our own constructor. Allocates nothing.
void start() noexcept;

// In the constructor: true, after a line that says so, where weir is to do nothing at all in this process, because a
// sanitizer's runtime is in it.
bool stands_aside() noexcept;

// True for the process that `weir run` became; children of it are not. It prints a summary line even when
// there is nothing to report.
bool is_root_process() noexcept;

// In a fork's child: what only the root process does ends.
void become_child() noexcept;

// The environment as it was at start (the block on the initial stack; later changes are not seen).
const char* initial_environment(const char* name) noexcept;

}  // namespace weir
