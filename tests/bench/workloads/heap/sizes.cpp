// Random sizes, one thread: a block of twenty thousand is replaced, again and again. Usage: sizes THOUSANDS
#include "pick.hpp"

int main(int argc, char** argv) {
  constexpr std::size_t kSlots = 20000;
  static Block* slots[kSlots];
  Pick pick(1);
  for (long i = argument(argc, argv, 1) * 1000; i > 0; --i) {
    Block*& slot = slots[pick.below(kSlots)];
    if (slot != nullptr) drop(slot);
    slot = make(pick.any_size());
  }
  for (Block* slot : slots) {
    if (slot != nullptr) drop(slot);
  }
}
