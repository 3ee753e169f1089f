// False sharing, after cache-scratch and cache-thrash (Berger, Hoard, ASPLOS 2000): two threads write to
// small blocks of their own. The first ones were made side by side by one thread; an allocator that hands
// their memory out to whoever freed it keeps both threads on one cache line. Usage: sharing ROUNDS
#include <thread>

#include "pick.hpp"

namespace {

constexpr std::size_t kBytes = 8;
constexpr int kWrites = 200;

void work(char* given, long rounds) {
  std::free(given);
  for (long i = 0; i < rounds; ++i) {
    volatile char* const mine = static_cast<char*>(std::malloc(kBytes));
    for (int k = 0; k < kWrites; ++k) mine[k % kBytes] = static_cast<char>(mine[k % kBytes] + 1);
    std::free(const_cast<char*>(mine));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argument(argc, argv, 1);
  char* first = static_cast<char*>(std::malloc(kBytes));
  char* second = static_cast<char*>(std::malloc(kBytes));
  std::thread other(work, second, rounds);
  std::thread another(work, first, rounds);
  other.join();
  another.join();
}
