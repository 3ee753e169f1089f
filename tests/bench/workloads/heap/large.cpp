// Large blocks: pictures of 64 KiB to 2 MiB of which every page is written, and arrays that realloc grows
// from 4 KiB to a few MiB. Usage: large ROUNDS
#include "pick.hpp"

namespace {

constexpr std::size_t kPage = 4096;

Block* picture(Pick& pick) {
  const std::size_t size = (std::size_t{64} << 10 << pick.below(5)) + pick.below(64 << 10);
  Block* const made = make(size);
  for (std::size_t at = sizeof(Block); at + 1 < size; at += kPage) reinterpret_cast<char*>(made)[at] = 1;
  return made;
}

Block* array(Pick& pick) {
  const std::size_t length = std::size_t{64} << 10 << pick.below(6);
  Block* grown = make(kPage);
  for (std::size_t room = kPage; room < length; room += room / 2) {
    check(grown);
    grown = stamp(std::realloc(grown, room + room / 2), room + room / 2);
  }
  return grown;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::size_t kSlots = 48;
  static Block* slots[kSlots];
  Pick pick(13);
  for (long i = argument(argc, argv, 1); i > 0; --i) {
    Block*& slot = slots[pick.below(kSlots)];
    if (slot != nullptr) drop(slot);
    slot = i % 4 == 0 ? array(pick) : picture(pick);
  }
  for (Block* slot : slots) {
    if (slot != nullptr) drop(slot);
  }
}
