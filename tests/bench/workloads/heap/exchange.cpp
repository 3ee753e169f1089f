// Two threads that free each other's batches, after xmalloc-test (Lever and Boreham, USENIX 2000): each makes
// a batch of like blocks, leaves it for whoever comes, and frees the one that lay there.
// Usage: exchange BATCHES
#include <atomic>
#include <thread>

#include "pick.hpp"

namespace {

constexpr std::size_t kShelf = 64;
constexpr int kBatch = 120;
std::atomic<Block*> shelf[kShelf];

void drop_all(Block* batch) {
  while (batch != nullptr) {
    Block* const next = batch->next;
    drop(batch);
    batch = next;
  }
}

void work(Pick pick, long batches) {
  for (long i = 0; i < batches; ++i) {
    const std::size_t size = pick.small_size();
    Block* batch = nullptr;
    for (int k = 0; k < kBatch; ++k) {
      Block* const block = make(size);
      block->next = batch;
      batch = block;
    }
    drop_all(shelf[pick.below(kShelf)].exchange(batch));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long batches = argument(argc, argv, 1);
  std::thread other(work, Pick(6), batches);
  work(Pick(7), batches);
  other.join();
  for (auto& batch : shelf) drop_all(batch.exchange(nullptr));
}
