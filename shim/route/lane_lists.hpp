// What arena.cpp, arena_scopes.cpp and arena_orphans.cpp share of a lane: its lists of chunks.
//
// Only for the lane's thread, or under its lock.
#pragma once

#include "shim/route/arena.hpp"

namespace weir {

// The lane's lists are being changed while it lives, and a signal handler of its thread keeps away
// from slow paths.
class Busy {
 public:
  explicit Busy(Lane& lane) noexcept
      : lane_(lane), busy_before_(lane.busy), working_before_(lane.working != nullptr && *lane.working) {
    lane_.busy = true;
    if (lane_.working != nullptr) *lane_.working = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  ~Busy() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    lane_.busy = busy_before_;
    if (lane_.working != nullptr) *lane_.working = working_before_;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Lane& lane_;
  const bool busy_before_, working_before_;
};

// Blocks are cut in [at, end) from now on; without these, behind the chunk's highest block.
void make_current(Lane& lane, Chunk* chunk, char* at, char* end) noexcept;
void make_current(Lane& lane, Chunk* chunk) noexcept;

// What is left between the newest block of the current chunk and the end is a hole for later.
void close_current(Lane& lane) noexcept;

void push_full(Lane& lane, Chunk* chunk) noexcept;
bool unlink_full(Lane& lane, Chunk* chunk) noexcept;
bool begins_scope(const Lane& lane, const Chunk* chunk) noexcept;

// An empty chunk: kept for the next, or gone.
void put_aside(Lane& lane, Chunk* chunk) noexcept;
Chunk* take_spare(Lane& lane) noexcept;

// An orphan of the route's with room becomes the lane's; nullptr where there is none.
Chunk* adopt(Lane& lane) noexcept;

// A block with a span of its own.
void* allocate_large(Lane& lane, std::size_t bytes, std::size_t alignment) noexcept;
void forget_large_blocks(Lane& lane) noexcept;

void lock_orphans_for_fork() noexcept;
void unlock_orphans_after_fork() noexcept;
void lock_large_blocks_for_fork() noexcept;
void unlock_large_blocks_after_fork() noexcept;

}  // namespace weir
