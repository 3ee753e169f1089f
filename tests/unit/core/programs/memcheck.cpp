// Uses the allocators rightly, or wrongly with an argument: memcheck.py runs it under Valgrind, and looks for the one
// error that each case makes, by the name of its function.
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/pool.hpp"
#include "core/stack_fallback.hpp"
#include "core/thread_safe_pool.hpp"
#include "core/tiered_pool.hpp"

namespace {

using namespace weir;

struct Node {
  long words[5];
};

[[gnu::noinline]] void write_to(void* block, std::size_t offset) {
  static_cast<volatile char*>(block)[offset] = 1;
}

template <typename A>
void use_rightly(A& allocator, std::size_t most) {
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t i = 0; i < 60; ++i) {
    std::size_t bytes = i * 37 % most;
    void* block = allocator.allocate({bytes, 8}, nullptr);
    if (block == nullptr) break;
    std::memset(block, 1, bytes);
    if (allocator.resize(block, {bytes, 8}, bytes / 2, nullptr)) bytes /= 2;
    if (i % 3 == 0 && allocator.resize(block, {bytes, 8}, bytes + 5, nullptr)) {
      std::memset(block, 2, bytes += 5);
    }
    if (i % 5 == 0) {
      allocator.deallocate(block, {bytes, 8}, nullptr);
    } else {
      blocks.emplace_back(block, bytes);
    }
  }
  for (const auto& [block, bytes] : blocks) {
    std::memset(block, 3, bytes);
    allocator.deallocate(block, {bytes, 8}, nullptr);
  }
}

[[gnu::noinline]] void rightly() {
  std::vector<std::byte> memory(4096);
  Arena<> arena;
  for (int round = 0; round < 3; ++round) {
    use_rightly(arena, 900);
    const auto mark = arena.mark();
    use_rightly(arena, 20'000);
    arena.rewind(mark);
    {
      Arena<Arena<>> child(arena, 256);
      use_rightly(child, 300);
    }
    if (round == 1) arena.reset(retain_with_limit(5000));
  }
  arena.reset();
  {
    BumpAllocator bump(memory);
    use_rightly(bump, 50);
    bump.reset();
    use_rightly(bump, 50);
  }
  {
    FixedBuffer buffer(memory);
    use_rightly(buffer, 50);
    SharedFixedBuffer shared(std::span<std::byte>(memory).subspan(4000));
    use_rightly(shared, 20);
  }
  {
    FixedPool pool(memory, {64, 8});
    use_rightly(pool, 50);
    pool.reset();
    use_rightly(pool, 50);
  }
  std::memset(memory.data(), 0, memory.size());
  StackFallback<512> stack;
  use_rightly(stack, 100);
  TieredPool<PageAllocator> tiered(page_allocator);
  use_rightly(tiered, 5000);
  tiered.trim();
  Pool<std::vector<int>, PageAllocator, Keep<AsItWas>> kept(page_allocator);
  for (std::size_t i = 0; i < 100; ++i) {
    auto* list = kept.acquire(i, 1);
    if (!list->empty() && list->back() != 1) std::puts("lost");
    if (i % 2 != 0) kept.release(list);
  }
  kept.trim();
  SharedPool<Node> shared(page_allocator);
  std::thread other([&shared] {
    for (int i = 0; i < 200; ++i) {
      Node* node = shared.acquire();
      *node = {};
      shared.release(node);
      shared.release(node);
    }
  });
  Node* nodes[50];
  for (Node*& node : nodes) node = shared.acquire();
  for (Node* node : nodes) shared.release(node);
  other.join();
}

[[gnu::noinline]] void arena_overrun() {
  Arena<> arena;
  void* block = arena.allocate({24, 8});
  arena.allocate({24, 8});
  write_to(block, 24);
}
[[gnu::noinline]] void arena_reset() {
  Arena<> arena;
  void* block = arena.allocate({24, 8});
  arena.reset();
  write_to(block, 0);
}
[[gnu::noinline]] void arena_rewind() {
  Arena<> arena;
  arena.allocate({24, 8});
  const auto mark = arena.mark();
  void* block = arena.allocate({24, 8});
  arena.rewind(mark);
  write_to(block, 0);
}
[[gnu::noinline]] void bump_overrun() {
  alignas(16) std::byte memory[256];
  BumpAllocator bump(memory);
  write_to(bump.allocate({24, 8}), 24);
}
[[gnu::noinline]] void buffer_free() {
  alignas(16) std::byte memory[256];
  FixedBuffer buffer(memory);
  void* block = buffer.allocate({24, 8});
  buffer.deallocate(block, {24, 8});
  write_to(block, 0);
}
[[gnu::noinline]] void pool_overrun() {
  Pool<Node> pool(page_allocator);
  Node* node = pool.acquire();
  pool.acquire();
  write_to(node, sizeof(Node));
}
[[gnu::noinline]] void pool_release() {
  Pool<Node> pool(page_allocator);
  Node* node = pool.acquire();
  pool.release(node);
  write_to(node, 0);
}
[[gnu::noinline]] void shared_pool_release() {
  SharedPool<Node> pool(page_allocator);
  Node* node = pool.acquire();
  pool.release(node);
  write_to(node, 0);
}

}  // namespace

int main(int argc, char**) {
  if (argc == 1) {
    rightly();
    return 0;
  }
  arena_overrun();
  arena_reset();
  arena_rewind();
  bump_overrun();
  buffer_free();
  pool_overrun();
  pool_release();
  shared_pool_release();
}
