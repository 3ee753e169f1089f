// Options, the dispatch over the shapes, and threads that come in generations.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stress.hpp"

namespace stress {

Options options;
Tally tally;
thread_local Worker worker __attribute__((tls_model("local-exec")));

namespace {

constexpr std::size_t kThreadStack = 2 << 20;
constexpr std::size_t kMainStack = 6 << 20;  // of the 8 MiB that a main thread usually has

struct Shape {
  void (*run)(int);
  unsigned weight;
};

constexpr Shape kShapes[] = {
    {alloca_frame, 40},
    {vla_frame, 40},
    {realigned_frame, 30},
    {realigned_vla_frame, 30},
    {realigned_with_stack_arguments, 20},
    {many_arguments, 20},
    {large_frame, 10},
    {deep_recursion, 3},
    {random_walk, 2},
    {sorting, 10},
    {searching, 10},
    {function_object, 30},
    {virtual_calls, 30},
    {twice, 30},
    {relayed, 40},
    {throwing, 20},
    {rethrowing, 5},
    {jumping, 20},
    {ending_in_noreturn, 10},
    {raising, 6},
    {raising_on_alternate_stack, 6},
    {each_instruction, 1},
    {coroutines, 6},
    {yield_from_coroutine, 20},
    {brief_threads, 1},
    {plugin_calls, 2},
    {library_calls, 6},
    {odd_tables, 1},
    {pinned, 10},
};

constexpr unsigned total_weight() {
  unsigned sum = 0;
  for (const Shape& s : kShapes) sum += s.weight;
  return sum;
}

std::uintptr_t stack_low(std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - bytes;
}

void work() {
  while (worker.budget > 0) go(3 + static_cast<int>(random_below(14)));
}

void* thread_body(void* argument) {
  const std::uint64_t number = reinterpret_cast<std::uintptr_t>(argument);
  start_worker(options.seed * 1000 + number, options.budget, stack_low(kThreadStack - 256 * 1024), false);
  work();
  end_worker();
  return nullptr;
}

bool read_options(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (value == nullptr) return false;
    if (std::strcmp(argv[i], "--seed") == 0) {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (std::strcmp(argv[i], "--budget") == 0) {
      options.budget = std::atol(value);
    } else if (std::strcmp(argv[i], "--threads") == 0) {
      options.threads = std::atoi(value);
    } else if (std::strcmp(argv[i], "--depth") == 0) {
      options.depth = std::atoi(value);
    } else if (std::strcmp(argv[i], "--timer-ns") == 0) {
      options.timer_ns = std::atol(value);
    } else if (std::strcmp(argv[i], "--plugin") == 0) {
      options.plugins[options.plugins[0] != nullptr ? 1 : 0] = value;
    } else {
      return false;
    }
    ++i;
  }
  return options.plugins[1] != nullptr && options.threads > 0;
}

}  // namespace

STRESS_NOINLINE void go(int depth) {
  if (!goes_on(depth)) {
    allocate();
    return;
  }
  if (worker.in_handler == 0 && random_below(4) == 0) set_timers();
  unsigned pick = random_below(total_weight());
  for (const Shape& s : kShapes) {
    if (pick < s.weight) {
      s.run(depth);
      break;
    }
    pick -= s.weight;
  }
  touch(&depth);
}

}  // namespace stress

int main(int argc, char** argv) {
  using namespace stress;
  if (!read_options(argc, argv)) {
    std::fprintf(stderr,
                 "usage: %s --plugin A --plugin B [--seed N] [--budget N] [--threads N] [--depth N]\n",
                 argv[0]);
    return 2;
  }
  std::printf("stress: seed %lu\n", options.seed);
  std::fflush(stdout);
  install_handlers();
  start_keeper();
  start_worker(options.seed, options.budget, stack_low(kMainStack), false);
  work();
  end_worker();

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStack);
  for (int generation = 0; generation < 3 && options.threads > 1; ++generation) {
    pthread_t threads[64];
    for (int i = 0; i < options.threads && i < 64; ++i) {
      const auto number = static_cast<std::uintptr_t>(1 + generation * options.threads + i);
      pthread_create(&threads[i], &attributes, thread_body, reinterpret_cast<void*>(number));
    }
    for (int i = 0; i < options.threads && i < 64; ++i) pthread_join(threads[i], nullptr);
  }
  stop_keeper();
  std::printf(
      "stress: %ld allocations; %ld in handlers, %ld of them in the %ld single steps; %ld thrown, %ld jumps, "
      "%ld switches, %ld brief threads, %ld plug-ins, %ld of them where the other was\n",
      tally.allocations, tally.handled, tally.stepped, tally.trapped, tally.thrown, tally.jumped,
      tally.switched, tally.threads, tally.loaded, tally.replaced);
  return 0;
}
