// Who the threads were: a number for each thread that ever allocated, its id and, for those that have ended,
// the name that it had.
//
// Thread-safe, async-signal-safe, no malloc. O(1). Numbers count from 1; beyond kMost, or without memory, a
// thread has the number 0 and no name.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace weir {

inline constexpr std::size_t kThreadNameRoom = 16;  // the kernel's, with its NUL

struct ThreadIdentity {
  pid_t tid;
  char name[kThreadNameRoom];  // empty while it may still change
};

// A new number for the calling thread. Under the lock of the thread states.
std::uint32_t number_thread() noexcept;

// Before the calling thread ends: keeps the name that it has now, where names are asked for (mode=guard).
void keep_thread_name(std::uint32_t number) noexcept;

// In a fork's child: the calling thread has another id now.
void note_thread_id(std::uint32_t number) noexcept;

// The thread's id and name; for one that runs the present name. tid is 0 for a number that nobody has.
ThreadIdentity thread_identity(std::uint32_t number) noexcept;

}  // namespace weir
