// Scopes in an arena: a mark and a rewind give back what was allocated between; a child arena takes its
// chunks from its parent and can be reset on its own.
//
// prints:
//   result: depth 5
//   scratch was given back: yes
//   child reset, parent's value: 42
#include <cstdio>
#include <span>

#include "core/arena.hpp"
#include "core/typed.hpp"

// Gives back on leaving what the function allocated from the arena.
class Scope {
 public:
  explicit Scope(weir::Arena<>& arena) : arena_(arena), mark_(arena.mark()) {}
  ~Scope() { arena_.rewind(mark_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  weir::Arena<>& arena_;
  weir::Arena<>::Mark mark_;
};

static int descend(weir::Arena<>& arena, int depth) {
  const Scope scope(arena);
  const std::span<int> scratch = weir::allocate_array<int>(arena, 100);
  scratch[0] = depth;
  return scratch[0] == 5 ? scratch[0] : descend(arena, depth + 1);
}

int main() {
  weir::Arena<> arena;
  int* value = weir::create<int>(arena, 42);
  void* before = arena.allocate({1, 1});
  arena.deallocate(before, {1, 1});

  std::printf("result: depth %d\n", descend(arena, 1));
  void* after = arena.allocate({1, 1});
  std::printf("scratch was given back: %s\n", before == after ? "yes" : "no");

  weir::Arena child(arena);
  for (int round = 0; round != 10; ++round) {
    weir::allocate_array<double>(child, 50)[0] = round;
    child.reset();
  }
  std::printf("child reset, parent's value: %d\n", *value);
}
