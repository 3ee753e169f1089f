// A program of nasty stacks. It allocates from as many shapes of stack as it can make, so that the oracle
// can compare what weir and libunwind see there. Native, it only has to end with status 0.
//
// go(depth) runs a random shape, which allocates and goes on with go(depth - 1). All randomness comes from
// the seed; timers make the rest. Each thread has a Worker;
// nothing else is shared but what plugins.cpp locks.
#pragma once

#include <signal.h>

#include <cstddef>
#include <cstdint>

#define STRESS_NOINLINE __attribute__((noinline))

namespace stress {

struct Options {
  std::uint64_t seed = 1;
  long budget = 100000;  // allocations a thread
  int threads = 1;       // beside the main thread, three generations of them, if more than 1
  int depth = 330;       // frames of the deepest recursion
  const char* plugins[2] = {nullptr, nullptr};
  long timer_ns = 8000;  // how soon asynchronous signals come, at most; 0 for none
};
extern Options options;

struct Coroutine;

struct Worker {
  std::uint64_t random_state;
  long budget;
  std::uintptr_t stack_low;        // how far down the present stack may grow
  volatile sig_atomic_t hold;      // above 0: code may be inside the allocator; handlers must not allocate
  volatile sig_atomic_t stepping;  // the trap flag is wanted while hold is 0
  volatile sig_atomic_t steps_left;
  volatile sig_atomic_t in_handler;
  int fixed;             // above 0: a coroutine must not yield
  Coroutine* coroutine;  // that runs now
  std::uintptr_t alternate_low, alternate_high;
  void* kept[64];
  bool brief;  // a thread that a shape started: starts no others
};
extern thread_local Worker worker;

// What happened, over all threads; printed at the end, so that a run that did nothing shows.
struct Tally {
  long allocations, handled, stepped, trapped, thrown, jumped, switched, threads, loaded, replaced;
};
extern Tally tally;
inline void count(long& what) {
  __atomic_add_fetch(&what, 1, __ATOMIC_RELAXED);
}

std::uint32_t random_below(std::uint32_t n);

// Hides a pointer's fate from the optimiser; also keeps a call in front of it from being the function's last.
inline void touch(const void* p) {
  asm volatile("" ::"r"(p) : "memory");
}

// One allocation, by one of the entry points; frees, resizes or keeps others.
void allocate();
// A few of them, from nested calls, for handlers.
void allocate_nested(int depth);

// While one is alive, handlers leave the allocator alone.
struct Hold {
  Hold() { worker.hold = worker.hold + 1; }
  ~Hold() { release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  static void release();
};
extern "C" void stress_trap_on();

struct Fixed {
  Fixed() { ++worker.fixed; }
  ~Fixed() { --worker.fixed; }
  Fixed(const Fixed&) = delete;
  Fixed& operator=(const Fixed&) = delete;
};

inline bool has_room(std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - worker.stack_low > bytes;
}
inline bool goes_on(int depth) {
  return depth > 0 && worker.budget > 0 && has_room(48 * 1024);
}

void go(int depth);

// The shapes, each in the file of its kind.
void alloca_frame(int depth);
void vla_frame(int depth);
void realigned_frame(int depth);
void realigned_vla_frame(int depth);
void realigned_with_stack_arguments(int depth);
void many_arguments(int depth);
void large_frame(int depth);
void deep_recursion(int depth);
void random_walk(int depth);
void sorting(int depth);
void searching(int depth);
void function_object(int depth);
void virtual_calls(int depth);
void twice(int depth);
void relayed(int depth);
void throwing(int depth);
void rethrowing(int depth);
void jumping(int depth);
void ending_in_noreturn(int depth);
void raising(int depth);
void raising_on_alternate_stack(int depth);
void each_instruction(int depth);
void coroutines(int depth);
void yield_from_coroutine(int depth);
void brief_threads(int depth);
void plugin_calls(int depth);
void library_calls(int depth);
void odd_tables(int depth);
void pinned(int depth);

void install_handlers();
void start_keeper();  // of the plug-ins
void stop_keeper();
void set_timers();
void start_worker(std::uint64_t seed, long budget, std::uintptr_t stack_low, bool brief);
void end_worker();

}  // namespace stress
