// Building and dropping binary trees of all depths, while a large one stays. Usage: trees DEPTH
#include <memory>

#include "pick.hpp"

namespace {

struct Node {
  std::unique_ptr<Node> left, right;
};

std::unique_ptr<Node> build(int depth) {
  auto node = std::make_unique<Node>();
  if (depth > 0) {
    node->left = build(depth - 1);
    node->right = build(depth - 1);
  }
  return node;
}

long count(const Node& node) {
  return 1 + (node.left ? count(*node.left) + count(*node.right) : 0);
}

}  // namespace

int main(int argc, char** argv) {
  const int deepest = static_cast<int>(argument(argc, argv, 1));
  const std::unique_ptr<Node> lasting = build(deepest);
  long nodes = 0;
  for (int depth = 4; depth <= deepest; depth += 4) {
    for (long i = 1L << (deepest - depth + 2); i > 0; --i) nodes += count(*build(depth));
  }
  std::printf("%ld %ld\n", nodes, count(*lasting));
}
