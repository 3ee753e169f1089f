// What the two ways of freezing share: the table of threads, and how the process's threads are listed.
//
// One freeze at a time fills it. Read by handlers of stopped threads, and by the tracer; never freed.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "shim/leak/freeze.hpp"

namespace weir {

struct FreezeTable {
  std::atomic<FrozenThread*> threads{nullptr};
  std::atomic<std::uint32_t> used{0};
  std::uint32_t room = 0;
  std::uint64_t* vectors = nullptr;  // kVectorBytes for each entry; nullptr where there is no memory

  // O(1) for threads that are asked for in the order of the table, else O(n).
  FrozenThread* find(pid_t tid) noexcept;
  // The entry of a new thread; nullptr where there is no room.
  FrozenThread* add(pid_t tid) noexcept;

  std::uint64_t* vectors_of(const FrozenThread& t) noexcept {
    return vectors != nullptr ? vectors + static_cast<std::size_t>(&t - begin()) * (kVectorBytes / 8)
                              : nullptr;
  }

  FrozenThread* begin() noexcept { return threads.load(std::memory_order_acquire); }
  FrozenThread* end() noexcept { return begin() + used.load(std::memory_order_acquire); }
};
extern FreezeTable freeze_table;

// One way of freezing, as it is asked for by freeze_threads.
struct FreezeWork {
  pid_t process, self;
  int directory;           // of the process's threads in /proc
  std::uint64_t deadline;  // of sys::now_ns
  FreezeEnd end;
  CodeRange libc;
};
// The one that is under way, or the last.
extern FreezeWork freeze_work;

// Calls visit(of, thread) for each other thread of the process that was not in the table and has an entry now.
// How many there were.
using VisitThread = void(void* of, FrozenThread& thread);
std::uint32_t add_new_threads(const FreezeWork& work, VisitThread* visit, void* of) noexcept;

// What /proc says of a thread.
struct TaskStatus {
  char state;             // R, S, D, T, t, Z, X; 0 where the thread is gone
  std::uint64_t blocked;  // signals, bit n - 1 for signal n
  std::uint64_t pending;
  bool is_gone() const noexcept { return state == 0 || state == 'Z' || state == 'X'; }
};
TaskStatus read_task_status(int directory, pid_t tid) noexcept;

// Reads "TID/NAME" below the directory; empty where the thread is gone.
std::string_view read_task_file(int directory, pid_t tid, std::string_view name, char* to,
                                std::size_t room) noexcept;

// By ptrace. False, with all threads running, where that is not to be had.
bool freeze_by_tracer(const FreezeWork& work) noexcept;
void release_by_tracer(FreezeEnd end) noexcept;
// In a fork's child.
void forget_tracer() noexcept;

// By a signal.
void freeze_by_signal(const FreezeWork& work) noexcept;
void release_by_signal() noexcept;
void forget_freeze_signal() noexcept;

}  // namespace weir
