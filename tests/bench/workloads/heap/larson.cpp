// Two threads at a server's work, after Larson and Krishnan (ISMM 1998): each replaces blocks, one in five of
// them in the other's half, so that it frees what the other allocated; when its time is over a new thread
// takes its half over. Usage: larson THOUSANDS (of each thread)
#include <atomic>
#include <thread>

#include "pick.hpp"

namespace {

constexpr int kThreads = 2;
constexpr int kSuccessors = 20;
constexpr std::size_t kSlots = 2000;
std::atomic<Block*> slots[kThreads][kSlots];

void serve(std::size_t me, Pick pick, long requests) {
  for (long i = 0; i < requests; ++i) {
    const std::size_t half = pick.one_in(5) ? 1 - me : me;
    Block* const old = slots[half][pick.below(kSlots)].exchange(make(16 + pick.below(484)));
    if (old != nullptr) drop(old);
  }
}

void line(std::size_t me, long requests) {
  for (std::size_t i = 0; i < kSuccessors; ++i) {
    std::thread(serve, me, Pick(i * kThreads + me + 4), requests / kSuccessors).join();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long requests = argument(argc, argv, 1) * 1000;
  std::thread other(line, 1, requests);
  line(0, requests);
  other.join();
}
