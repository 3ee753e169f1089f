// Pages from the operating system: the only place in core/ that makes system calls.
//
// All functions are thread-safe, async-signal-safe and never call malloc. Sizes and addresses are bytes and
// are rounded to pages of kPageSize by the caller. errno is left as it was: a failure is nullptr or false.
#pragma once

#include <cstddef>

namespace weir {

inline constexpr std::size_t kPageSize = 4096;

constexpr std::size_t round_up(std::size_t n, std::size_t alignment) noexcept {
  return (n + alignment - 1) & ~(alignment - 1);
}

// Readable, writable, zeroed pages that are taken from the system when they are touched. O(1).
void* map_pages(std::size_t bytes) noexcept;

// Address space without access; commit_pages opens parts of it. nullptr where a limit forbids it.
void* reserve_pages(std::size_t bytes) noexcept;
bool commit_pages(void* address, std::size_t bytes) noexcept;

// Closes pages of a reservation again and gives their memory back; the address range stays reserved.
bool decommit_pages(void* address, std::size_t bytes) noexcept;

void unmap_pages(void* address, std::size_t bytes) noexcept;

// More pages behind a mapping, at the same address; false where something lies there already.
bool grow_pages(void* address, std::size_t bytes, std::size_t more_bytes) noexcept;

// Moves a mapping, without copying, onto another one, which it replaces. After a failure the mapping is where
// it was, and the other one may be gone.
bool move_pages(void* address, std::size_t bytes, void* onto, std::size_t onto_bytes) noexcept;

}  // namespace weir
