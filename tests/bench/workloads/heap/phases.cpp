// A program whose sizes change: each phase has another size of block, sixteen MiB of it, and leaves one in
// two thousand behind when it ends, for two rounds of phases. What was one size's memory has to become
// another's. Usage: phases ROUNDS
#include <vector>

#include "pick.hpp"

int main(int argc, char** argv) {
  constexpr std::size_t kSizes[] = {24, 640, 80, 3000, 200, 48, 1400, 320, 9000, 128};
  constexpr std::size_t kBytes = 16 << 20;
  Pick pick(12);
  std::vector<Block*> blocks, left[2];
  blocks.reserve(kBytes / kSizes[0]);
  for (long round = argument(argc, argv, 1); round > 0; --round) {
    std::vector<Block*>& leaving = left[round % 2];
    for (Block* block : leaving) drop(block);
    leaving.clear();
    for (const std::size_t size : kSizes) {
      for (std::size_t made = 0; made < kBytes; made += size) blocks.push_back(make(size));
      // In no order, as their owners go.
      for (std::size_t i = blocks.size() - 1; i > 0; --i) {
        if (i % 8 == 0) std::swap(blocks[i], blocks[pick.below(i)]);
      }
      for (Block* block : blocks) {
        if (pick.one_in(2000)) {
          leaving.push_back(block);
        } else {
          drop(block);
        }
      }
      blocks.clear();
    }
  }
  for (const std::vector<Block*>& leaving : left) {
    for (Block* block : leaving) drop(block);
  }
}
