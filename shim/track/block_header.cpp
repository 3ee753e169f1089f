#include "shim/track/block_header.hpp"

#include <sys/auxv.h>

#include <cstring>

namespace weir {

constinit std::size_t block_distance = kHeaderBytes;

constinit UsedBytes* used_bytes = nullptr;

constinit std::uint64_t header_key = 0;
constinit unsigned process_generation = 0;

void make_header_key() noexcept {
  std::uint64_t random[2] = {};  // where the kernel puts them is not aligned
  if (const std::uint64_t at = getauxval(AT_RANDOM)) {
    std::memcpy(random, reinterpret_cast<const void*>(at), sizeof random);
  }
  std::uint64_t x = random[0] ^ (random[1] << 1);
  x ^= reinterpret_cast<std::uint64_t>(&x) * 0x9e3779b97f4a7c15u;
  header_key = x | 1;
}

}  // namespace weir
