// Batches of one size, freed last in first out, first in first out, or every other one first and the rest
// much later; after sh6bench (MicroQuill). Usage: batches BATCHES
#include <vector>

#include "pick.hpp"

int main(int argc, char** argv) {
  constexpr std::size_t kMost = 400;
  constexpr std::size_t kKept = 64;
  Pick pick(8);
  std::vector<Block*> batch;
  batch.reserve(kMost);
  std::vector<Block*> kept[kKept];
  for (long i = argument(argc, argv, 1); i > 0; --i) {
    const std::size_t count = kMost / 2 + pick.below(kMost / 2), size = pick.small_size();
    for (std::size_t k = 0; k < count; ++k) batch.push_back(make(size));
    switch (pick.below(3)) {
      case 0:
        while (!batch.empty()) {
          drop(batch.back());
          batch.pop_back();
        }
        break;
      case 1:
        for (Block* block : batch) drop(block);
        break;
      default: {
        std::vector<Block*>& older = kept[pick.below(kKept)];
        for (Block* block : older) drop(block);
        older.clear();
        for (std::size_t k = 0; k < count; ++k) {
          if (k % 2 == 0) {
            drop(batch[k]);
          } else {
            older.push_back(batch[k]);
          }
        }
      }
    }
    batch.clear();
  }
  for (const std::vector<Block*>& older : kept) {
    for (Block* block : older) drop(block);
  }
}
