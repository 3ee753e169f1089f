// The sixteen bytes in front of every tracked block: how large, whose stack, and a proof of being a header.
//
//   size_word   bits 0..47 requested bytes, 48..53 log2 of the distance from the parent's block to the
//               program's, 54..57 the family (which call made it), 58..63 the process generation
//   check_word  bits 36..63 stack id, 0..35 a keyed hash of address, size_word and stack id
//
// The hash is keyed by the address and a secret of the process: a header copied elsewhere, or program data
// that looks like one, does not authenticate (1 in 2^36 for a random word). That lets the leak checker find
// all live blocks by searching the heap, without a list, a lock or a table: +1.7 ns a pair where those cost
// 2.5. A freed block's header is killed first (check_word = 0), so a second free is seen, and the search
// never meets a ghost.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

namespace weir {

// Which kind of call made a block; kOwn: weir's own work in libc.
// mode=guard tells them all apart, the others only use the first four.
enum class Family : std::uint8_t {
  kMalloc = 0,
  kNew = 1,
  kNewArray = 2,
  kAligned = 3,
  kCalloc = 4,
  kRealloc = 5,
  kPosixMemalign = 6,
  kOwn = 15
};

using StackId = std::uint32_t;  // 28 bits; 0 is no stack
inline constexpr unsigned kStackIdBits = 28;

// A name that the program puts on what it allocates (track/tags).
using BlockTag = std::uint16_t;
inline constexpr BlockTag kNoTag = 0;
inline constexpr unsigned kMostTags = 1024;  // numbers are 1 … kMostTags - 1

inline constexpr std::size_t kHeaderBytes = 16;

// From a header to its block: kHeaderBytes, more in mode=guard, which puts a canary between. Fixed at start.
extern std::size_t block_distance;
inline constexpr std::uint64_t kMaxBlockBytes = (std::uint64_t{1} << 47) - 1;

extern std::uint64_t header_key;

// Counts forks: 0 in the first process, one more in each child. Blocks keep their maker's, modulo 64.
extern unsigned process_generation;

// Fills header_key from the kernel's random bytes. Once, before the first block.
void make_header_key() noexcept;

struct BlockHeader;

// How many bytes of a block the program may have written to: nullptr as long as it is what it asked for. A
// program that has called malloc_usable_size may use what it was told.
using UsedBytes = std::uint64_t(BlockHeader& header) noexcept;
extern UsedBytes* used_bytes;

struct BlockHeader {
  std::uint64_t size_word;
  std::uint64_t check_word;

  static BlockHeader* of(void* block) noexcept { return static_cast<BlockHeader*>(block) - 1; }
  static const BlockHeader* of(const void* block) noexcept {
    return static_cast<const BlockHeader*>(block) - 1;
  }

  void stamp(std::uint64_t bytes, unsigned shift, Family family, StackId stack) noexcept {
    size_word = bytes | static_cast<std::uint64_t>(shift) << 48 | static_cast<std::uint64_t>(family) << 54 |
                static_cast<std::uint64_t>(process_generation & 63) << 58;
    check_word = static_cast<std::uint64_t>(stack) << 36 | check(size_word, stack);
  }

  // The same for a header that is live and stays so: a signal handler that ends the process between two stores
  // would leave a block without.
  void stamp_again(std::uint64_t bytes, unsigned shift, Family family, StackId stack) noexcept {
    const std::uint64_t size = bytes | static_cast<std::uint64_t>(shift) << 48 |
                               static_cast<std::uint64_t>(family) << 54 |
                               static_cast<std::uint64_t>(process_generation & 63) << 58;
    const __m128i both =
        _mm_set_epi64x(static_cast<long long>(check_word_for(size, stack)), static_cast<long long>(size));
    _mm_store_si128(reinterpret_cast<__m128i*>(this), both);
  }

  // What check_word must be for these two at this address.
  std::uint64_t check_word_for(std::uint64_t size, StackId stack) const noexcept {
    return static_cast<std::uint64_t>(stack) << 36 | check(size, stack);
  }

  bool is_live() const noexcept {
    const std::uint64_t w = check_word;
    return (w & kCheckMask) == check(size_word, static_cast<StackId>(w >> 36)) && w != 0;
  }

  void kill() noexcept { check_word = 0; }

  void* block() noexcept { return this + 1; }
  std::uint64_t bytes() const noexcept { return size_word & ((std::uint64_t{1} << 48) - 1); }
  std::size_t offset() const noexcept { return std::size_t{1} << ((size_word >> 48) & 63); }
  Family family() const noexcept { return static_cast<Family>((size_word >> 54) & 15); }
  unsigned generation() const noexcept { return static_cast<unsigned>(size_word >> 58); }
  StackId stack() const noexcept { return static_cast<StackId>(check_word >> 36); }

  // Where the parent's block begins.
  void* parent_block() noexcept { return reinterpret_cast<char*>(this + 1) - offset(); }

 private:
  static constexpr std::uint64_t kCheckMask = (std::uint64_t{1} << 36) - 1;

  // Two multiplications (constants of splitmix64 / Fibonacci hashing) around the words.
  std::uint64_t check(std::uint64_t size, StackId stack) const noexcept {
    std::uint64_t x = (reinterpret_cast<std::uint64_t>(this) ^ header_key) * 0x9e3779b97f4a7c15u;
    x ^= size + (static_cast<std::uint64_t>(stack) << 36);
    x *= 0xbf58476d1ce4e5b9u;
    return x >> 28;
  }
};
static_assert(sizeof(BlockHeader) == kHeaderBytes);

}  // namespace weir
