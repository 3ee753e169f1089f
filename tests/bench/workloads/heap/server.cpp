// Two threads of a server with a cache: requests read into a buffer that realloc grows, make short-lived
// parts, and leave every third answer in the shared cache, where either thread evicts it much later. Usage:
// server THOUSANDS (of requests of each thread)
#include <mutex>
#include <thread>

#include "pick.hpp"

namespace {

constexpr std::size_t kCached = 4096, kLocks = 64;
Block* cached[kCached];
std::mutex locks[kLocks];

// What arrives is not known before: doubled where it does not fit.
Block* read(Pick& pick) {
  const std::size_t length = pick.one_in(40) ? 4096 + pick.below(60000) : 100 + pick.below(1900);
  Block* buffer = make(128);
  for (std::size_t filled = 0; filled < length; filled += 256) {
    const std::size_t room = buffer->size;
    if (filled + 256 > room) {
      check(buffer);
      buffer = stamp(std::realloc(buffer, room * 2), room * 2);
    }
  }
  return stamp(std::realloc(buffer, length), length);
}

void keep(std::size_t place, Block* answer) {
  Block* evicted;
  {
    const std::lock_guard lock(locks[place % kLocks]);
    evicted = cached[place];
    cached[place] = answer;
  }
  if (evicted != nullptr) drop(evicted);
}

void serve(Pick pick, long requests) {
  for (long i = 0; i < requests; ++i) {
    Block* const request = read(pick);
    Block* parts[24];
    for (Block*& part : parts) part = make(pick.small_size());
    Block* const answer = make(request->size / 2 + 32);
    for (Block* part : parts) drop(part);
    drop(request);
    if (i % 3 == 0) {
      keep(pick.below(kCached), answer);
    } else {
      drop(answer);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long requests = argument(argc, argv, 1) * 1000;
  std::thread other(serve, Pick(9), requests);
  serve(Pick(10), requests);
  other.join();
  for (Block* answer : cached) {
    if (answer != nullptr) drop(answer);
  }
}
