// Compiled with the other choice of frame pointers than the rest of the program: on one stack, frames that
// keep BP for themselves and frames that use it for data.
#include "stress.hpp"

namespace stress {
namespace {

// Enough values alive over the calls that BP is used for one of them where it may be.
STRESS_NOINLINE long busy_registers(long a, long b, long c, long d, long e, int depth) {
  const long f = a * b + 1;
  const long g = c * d + 2;
  allocate();
  go(depth - 1);
  const long sum = a ^ b ^ c ^ d ^ e ^ f ^ g;
  touch(&sum);
  return sum;
}

}  // namespace

STRESS_NOINLINE void relayed(int depth) {
  long sum = busy_registers(depth, 3, 5, 7, 11, depth);
  if (random_below(3) == 0) {
    alignas(64) char buffer[64];
    touch(buffer);
    sum += busy_registers(sum, 2, 3, 4, 5, depth - 1);
    touch(buffer);
  }
  touch(&sum);
}

}  // namespace stress
