// An arena on the stack: a list is built without one call of the system's, and what does not fit is refused.
//
// prints:
//   10 nodes, sum 45
//   a megabyte: refused
//   stack used: between 160 and 1024 bytes
#include <cstdio>

#include "core/arena.hpp"
#include "core/fixed_buffer.hpp"
#include "core/typed.hpp"

struct Node {
  int value;
  Node* next;
};

int main() {
  weir::FixedBufferOf<4096> stack;
  weir::Arena arena(stack, 512);
  Node* first = nullptr;
  for (int value = 0; value != 10; ++value) {
    first = weir::create<Node>(arena, Node{value, first});
  }
  int count = 0;
  int sum = 0;
  for (const Node* node = first; node != nullptr; node = node->next) {
    ++count;
    sum += node->value;
  }
  std::printf("%d nodes, sum %d\n", count, sum);
  std::printf("a megabyte: %s\n", arena.allocate({1 << 20, 16}) == nullptr ? "refused" : "granted");
  const std::size_t used = stack.peak();
  std::printf("stack used: %s\n", used >= 160 && used <= 1024 ? "between 160 and 1024 bytes" : "much");
}
