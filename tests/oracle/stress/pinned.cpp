// The same inner frames over different outer ones. What a memo of the last stack must notice is here reduced
// to one word each time: every return address of the earlier stack is still where it was, inside memory that
// nobody has written to since, and the innermost frames lie at the same place. Only a saved BP, the BP of the
// frame itself, the interrupted SP, or the caller's place as a realigned frame keeps it, tells the two apart.
#include <alloca.h>

#include <cstdlib>

#include "stress.hpp"

extern "C" void stress_trap();
extern "C" void stress_far_slot(void (*)(int), int);

asm(R"(
  .text
  .globl stress_trap
  .type stress_trap, @function
stress_trap:
  .cfi_startproc
  ud2
  ret
  .cfi_endproc
  .size stress_trap, . - stress_trap
)");

namespace stress {
namespace {

constexpr std::size_t kBelow = 24 * 1024;  // from the driver down to where the inner frames are pinned

void call_back(int) {
  allocate();
}

// A frame whose CFA comes from memory (gcc), and whose own place is the same for callers
// that are close together.
STRESS_NOINLINE long realigned_far(long a, long b, long c, long d, long e, long f, long g, long h) {
  alignas(1024) long buffer[16] = {a, b, c, d, e, f, g, h};
  auto* more = static_cast<char*>(alloca(static_cast<std::size_t>(16 * g)));
  touch(buffer);
  touch(more);
  allocate();
  touch(buffer);
  return buffer[static_cast<std::size_t>(h) & 7] + g + h;
}

// Grows down to `target` before it calls, so that what it calls lies there whoever called it. Its CFA is a
// function of BP.
STRESS_NOINLINE void pin(std::uintptr_t target, std::uint32_t what) {
  std::uintptr_t here;
  asm volatile("mov %%rsp, %0" : "=r"(here));
  touch(alloca(here - target));
  if (what == 0) {  // the innermost frame needs BP itself
    const Hold hold;
    void* block = std::malloc(24);
    touch(block);
    std::free(block);
  } else if (what == 1) {  // one in between saves it
    stress_far_slot(call_back, 1);
  } else if (what == 2) {  // a signal does
    asm volatile("ud2" ::: "memory");
  } else if (what == 3) {  // a realigned frame does
    const long sum = realigned_far(1, 2, 3, 4, 5, 6, 7, 8);
    touch(&sum);
  } else {
    allocate();
  }
  touch(&target);
}

// Two calls with a gap between: the frames of the first lie in it, untouched. Sizes are drawn before, since
// any call would write where the first call's return address was.
STRESS_NOINLINE void pin_twice(std::uintptr_t target, std::uint32_t what, std::size_t gap) {
  pin(target, what);
  touch(alloca(gap));
  pin(target, what);
  touch(&target);
}

STRESS_NOINLINE void trap_twice(std::size_t gap) {
  stress_trap();
  touch(alloca(gap));
  stress_trap();
  touch(&gap);
}

STRESS_NOINLINE void realign_twice(std::size_t gap) {
  const long first = realigned_far(1, 2, 3, 4, 5, 6, 7, 8);
  touch(&first);
  touch(alloca(gap));
  const long second = realigned_far(1, 2, 3, 4, 5, 6, 7, 8);
  touch(&second);
}

}  // namespace

STRESS_NOINLINE void pinned(int depth) {
  if (has_room(96 * 1024)) {
    const std::uint32_t what = random_below(5);
    const std::size_t gap = 256 + 16 * random_below(64);
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    pin_twice((here - kBelow) & ~std::uintptr_t{63}, what, gap);
    trap_twice(gap);
    realign_twice(64 + 16 * random_below(8));
  }
  go(depth - 1);
  touch(&depth);
}

}  // namespace stress
