// malloc and free from many places of the program. Usage: sites few|many PAIRS
//
// few: eight calls in one function, few_sites. many: one each in 256 functions, many_sites<0> and so on.
// Prints nanoseconds of CPU a pair.
#include <ctime>
#include <utility>

#include "pick.hpp"

// Named in a rule, so the linker has to know them.
__attribute__((noinline)) void few_sites(std::size_t size);
template <int kNumber>
__attribute__((noinline)) void many_sites(std::size_t size);

namespace {

[[gnu::always_inline]] inline void pair(std::size_t size) {
  char* const p = static_cast<char*>(std::malloc(size));
  *const_cast<volatile char*>(p) = 1;
  std::free(p);
}

template <int... kNumbers>
void call_all(std::size_t size, std::integer_sequence<int, kNumbers...>) {
  (many_sites<kNumbers>(size), ...);
}

double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void run(bool few, long pairs) {
  constexpr int kMany = 256;
  for (long i = 0; i < pairs; i += few ? 8 : kMany) {
    if (few) {
      few_sites(64);
    } else {
      call_all(64, std::make_integer_sequence<int, kMany>());
    }
  }
}

}  // namespace

void few_sites(std::size_t size) {
  pair(size);
  pair(size);
  pair(size);
  pair(size);
  pair(size);
  pair(size);
  pair(size);
  pair(size);
}

template <int kNumber>
void many_sites(std::size_t size) {
  pair(size + kNumber % 2);
}

int main(int argc, char** argv) {
  const long pairs = argument(argc, argv, 2);
  const bool few = std::strcmp(argv[1], "few") == 0;
  run(few, pairs / 20);  // warm
  const double started = now();
  run(few, pairs);
  std::printf("%.3f\n", (now() - started) / static_cast<double>(pairs));
}
