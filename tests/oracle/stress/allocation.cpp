// Allocations by all entry points, and randomness.
#include <cstdlib>
#include <new>

#include "stress.hpp"

namespace stress {
namespace {

constexpr std::size_t kSlots = sizeof worker.kept / sizeof worker.kept[0];

std::uint64_t next_random() {
  std::uint64_t s = worker.random_state;
  s ^= s << 13;
  s ^= s >> 7;
  s ^= s << 17;
  worker.random_state = s;
  return s * 0x2545f4914f6cdd1du;
}

}  // namespace

std::uint32_t random_below(std::uint32_t n) {
  return static_cast<std::uint32_t>((next_random() >> 32) * n >> 32);
}

STRESS_NOINLINE void Hold::release() {
  worker.hold = worker.hold - 1;
  if (worker.hold == 0 && worker.stepping != 0 && worker.in_handler == 0) stress_trap_on();
}

// The blocks of one slot always come from the same family, so that each is freed as it was made.
STRESS_NOINLINE void allocate() {
  const Hold hold;
  const std::size_t bytes = 1 + random_below(200);
  const std::uint32_t slot = random_below(kSlots);
  void*& kept = worker.kept[slot];
  worker.budget = worker.budget - 1;
  count(tally.allocations);
  switch (slot % 8) {
    case 0:
    case 1:
      std::free(kept);
      kept = std::malloc(bytes);
      break;
    case 2:
      std::free(kept);
      kept = std::calloc(1 + random_below(4), bytes);
      break;
    case 3:
      kept = std::realloc(kept, bytes * (1 + random_below(8)));
      break;
    case 4:
      std::free(kept);
      if (posix_memalign(&kept, std::size_t{16} << random_below(6), bytes) != 0) std::abort();
      break;
    case 5:
      ::operator delete(kept);
      kept = random_below(2) != 0 ? ::operator new(bytes) : ::operator new(bytes, std::nothrow);
      break;
    case 6:
      ::operator delete[](kept);
      kept = random_below(2) != 0 ? ::operator new[](bytes) : ::operator new[](bytes, std::nothrow);
      break;
    case 7:
      ::operator delete (kept, std::align_val_t{64});
      kept = random_below(2) != 0 ? ::operator new (bytes, std::align_val_t{64})
                                  : ::operator new (bytes, std::align_val_t{64}, std::nothrow);
      break;
  }
  touch(kept);
}

STRESS_NOINLINE void allocate_nested(int depth) {
  char pad[40];
  touch(pad);
  allocate();
  if (depth > 0) allocate_nested(depth - 1);
  touch(pad);
}

}  // namespace stress
