// What the heap's workloads share: numbers and sizes that look random and are the same in each run, and
// blocks that know their size, so that an allocator which hands out memory twice fails the run instead of
// winning it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

class Pick {
 public:
  explicit Pick(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

  std::uint64_t next() {  // xorshift64* (Vigna)
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>((next() >> 32) * limit >> 32); }
  bool one_in(std::size_t count) { return below(count) == 0; }

  // 16 to 1023 bytes, the small ones more often: each power of two as often as the next.
  std::size_t small_size() {
    const std::size_t least = std::size_t{16} << below(6);
    return least + below(least);
  }
  // Now and then some KiB, seldom some hundred.
  std::size_t any_size() {
    if (one_in(1000)) return 32768 + below(1 << 18);
    if (one_in(50)) return 1024 + below(31 << 10);
    return small_size();
  }

 private:
  std::uint64_t state_;
};

struct Block {
  std::size_t size;
  Block* next;
};

[[noreturn]] inline void fail(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}

// Both ends of a block are written when it is made, and looked at when it goes.
inline Block* stamp(void* memory, std::size_t size) {
  if (memory == nullptr) fail("no memory");
  Block* block = static_cast<Block*>(memory);
  static_cast<unsigned char*>(memory)[size - 1] = static_cast<unsigned char>(size);
  *block = {size, nullptr};
  return block;
}

inline Block* make(std::size_t size) {
  size = size < sizeof(Block) ? sizeof(Block) : size;
  return stamp(std::malloc(size), size);
}

inline void check(const Block* block) {
  const std::size_t size = block->size;
  if (size > sizeof(Block) &&
      reinterpret_cast<const unsigned char*>(block)[size - 1] != static_cast<unsigned char>(size)) {
    fail("a block was overwritten");
  }
}

inline void drop(Block* block) {
  check(block);
  std::free(block);
}

inline long argument(int argc, char** argv, int number) {
  if (argc <= number) fail("usage: the head of the source says it");
  return std::atol(argv[number]);
}
