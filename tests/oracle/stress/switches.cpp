// Stacks that a thread switches between, and stacks that come and go with threads.
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdlib>

#include "stress.hpp"

namespace stress {

struct Coroutine {
  ucontext_t inside, outside;
  void* stack;
  std::size_t bytes;
  bool mapped;
  bool done;
  int depth;
  // What belongs to a stack and not to the thread.
  std::uintptr_t stack_low;
  Coroutine* resumed_by;
};

namespace {

constexpr std::size_t kStack = 192 * 1024;

void run_coroutine() {
  for (int i = 0; i < 3; ++i) {
    go(worker.coroutine->depth);
    yield_from_coroutine(0);
  }
  worker.coroutine->done = true;
  swapcontext(&worker.coroutine->inside, &worker.coroutine->outside);
}

// Mapped, as libraries do it, at the place where the last one was, or a block of the heap.
void open(Coroutine& c, int depth) {
  const Hold hold;
  c.bytes = kStack;
  c.mapped = random_below(2) != 0;
  c.stack = c.mapped ? mmap(nullptr, c.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                     : std::malloc(c.bytes);
  if (c.stack == nullptr || c.stack == MAP_FAILED) std::abort();
  c.done = false;
  c.depth = depth;
  c.stack_low = reinterpret_cast<std::uintptr_t>(c.stack);
  getcontext(&c.inside);
  c.inside.uc_stack.ss_sp = c.stack;
  c.inside.uc_stack.ss_size = c.bytes;
  c.inside.uc_link = nullptr;
  makecontext(&c.inside, run_coroutine, 0);
}

void close(Coroutine& c) {
  const Hold hold;
  if (c.mapped) {
    munmap(c.stack, c.bytes);
  } else {
    std::free(c.stack);
  }
}

STRESS_NOINLINE void resume(Coroutine& c) {
  count(tally.switched);
  const std::uintptr_t stack_low = worker.stack_low;
  c.resumed_by = worker.coroutine;
  worker.stack_low = c.stack_low;
  worker.coroutine = &c;
  swapcontext(&c.outside, &c.inside);
  worker.coroutine = c.resumed_by;
  worker.stack_low = stack_low;
}

struct BriefThread {
  std::uint64_t seed;
  int depth;
  std::uintptr_t stack_low;
};

void* run_brief_thread(void* argument) {
  auto* t = static_cast<BriefThread*>(argument);
  start_worker(t->seed, 200, t->stack_low, true);
  go(t->depth);
  end_worker();
  return nullptr;
}

}  // namespace

STRESS_NOINLINE void yield_from_coroutine(int depth) {
  Coroutine* c = worker.coroutine;
  if (c != nullptr && worker.hold == 0 && worker.fixed == 0) {
    worker.coroutine = nullptr;  // a signal in between must not switch
    swapcontext(&c->inside, &c->outside);
  }
  allocate();
  if (depth > 0) go(depth - 1);
}

// Two in turn. Some are given up before they are done, with all their frames; what those held is lost.
STRESS_NOINLINE void coroutines(int depth) {
  if (worker.coroutine != nullptr || worker.fixed != 0) {
    go(depth - 1);
    return;
  }
  Coroutine pair[2];
  for (Coroutine& c : pair) open(c, depth < 5 ? depth - 1 : 4);
  const std::uint32_t patience = 1 + random_below(30);
  for (std::uint32_t i = 0; i < patience && worker.budget > 0; ++i) {
    Coroutine& c = pair[random_below(2)];
    if (!c.done) resume(c);
    allocate();
  }
  for (Coroutine& c : pair) close(c);
  touch(pair);
}

// On a stack of our own that is unmapped after it, so that the next thread's lies at the same place.
STRESS_NOINLINE void brief_threads(int depth) {
  if (worker.brief || worker.in_handler != 0) {
    go(depth - 1);
    return;
  }
  const Hold hold;
  count(tally.threads);
  constexpr std::size_t kBytes = 512 * 1024;
  void* stack = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) std::abort();
  BriefThread t{random_below(1u << 31) + 1ull, 8, reinterpret_cast<std::uintptr_t>(stack)};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kBytes);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, run_brief_thread, &t) != 0) std::abort();
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  munmap(stack, kBytes);
}

}  // namespace stress
