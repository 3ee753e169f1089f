// Stacks that are left by other ways than return.
//
// The runtime allocates and frees the exception object; a Hold spans those two calls and no more, so that
// signals may allocate in the middle of the search, in landing pads and in handlers.
#include <cxxabi.h>

#include <csetjmp>
#include <typeinfo>

#include "stress.hpp"

namespace stress {
namespace {

struct Thrown {
  int depth;
  char pad[100];
};

struct Unwound {
  ~Unwound() { allocate(); }
};

[[noreturn]] STRESS_NOINLINE void throw_it(int depth) {
  count(tally.thrown);
  worker.hold = worker.hold + 1;
  auto* thrown = static_cast<Thrown*>(abi::__cxa_allocate_exception(sizeof(Thrown)));
  Hold::release();
  thrown->depth = depth;
  abi::__cxa_throw(thrown, const_cast<std::type_info*>(&typeid(Thrown)), nullptr);
}

STRESS_NOINLINE void maybe_throw(int levels, int depth) {
  const Unwound unwound;
  if (levels > 0) {
    maybe_throw(levels - 1, depth);
  } else if (random_below(3) == 0) {
    throw_it(depth);
  } else {
    go(depth - 1);
  }
  touch(&unwound);
}

}  // namespace

STRESS_NOINLINE void throwing(int depth) {
  const int hold = worker.hold;
  try {
    maybe_throw(static_cast<int>(random_below(6)), depth);
  } catch (const Thrown& t) {
    {
      const Fixed fixed;
      allocate();
      if (random_below(4) == 0) go(t.depth - 2);
    }
    worker.hold = worker.hold + 1;  // the object is freed after the last statement
  }
  if (worker.hold != hold) Hold::release();
}

STRESS_NOINLINE void rethrowing(int depth) {
  const int hold = worker.hold;
  try {
    try {
      throw_it(depth);
    } catch (const Thrown&) {
      const Fixed fixed;
      allocate();
      throw;
    }
  } catch (...) {
    {
      const Fixed fixed;
      allocate();
    }
    worker.hold = worker.hold + 1;
  }
  if (worker.hold != hold) Hold::release();
  go(depth - 1);
}

STRESS_NOINLINE static void jump_from(std::jmp_buf& target, int levels, int depth) {
  char pad[64];
  touch(pad);
  allocate();
  if (levels > 0) {
    jump_from(target, levels - 1, depth);
  } else if (random_below(2) != 0) {
    count(tally.jumped);
    std::longjmp(target, 1);
  } else {
    go(depth - 1);
  }
  touch(pad);
}

STRESS_NOINLINE void jumping(int depth) {
  std::jmp_buf target;
  volatile int kept = depth;
  if (setjmp(target) == 0) {
    jump_from(target, static_cast<int>(random_below(8)), kept);
  } else {
    allocate();
    go(kept - 1);
  }
  touch(&target);
}

// The call is the function's last instruction: its return address belongs to whatever follows.
[[noreturn]] STRESS_NOINLINE static void allocate_and_jump(std::jmp_buf& target, int depth) {
  allocate();
  go(depth - 2);
  allocate();
  count(tally.jumped);
  std::longjmp(target, 1);
}

[[noreturn]] STRESS_NOINLINE static void last_call(std::jmp_buf& target, int depth) {
  char pad[32];
  touch(pad);
  allocate_and_jump(target, depth);
}

STRESS_NOINLINE void ending_in_noreturn(int depth) {
  std::jmp_buf target;
  volatile int kept = depth;
  if (setjmp(target) == 0) last_call(target, kept);
  allocate();
  touch(&target);
}

}  // namespace stress
