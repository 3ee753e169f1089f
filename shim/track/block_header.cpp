#include "shim/track/block_header.hpp"

#include <sys/auxv.h>

namespace weir {

constinit std::uint64_t header_key = 0;
constinit unsigned process_generation = 0;

void make_header_key() noexcept {
  const auto* random = reinterpret_cast<const std::uint64_t*>(getauxval(AT_RANDOM));
  std::uint64_t x = random != nullptr ? random[0] ^ (random[1] << 1) : 0;
  x ^= reinterpret_cast<std::uint64_t>(&x) * 0x9e3779b97f4a7c15u;
  header_key = x | 1;
}

}  // namespace weir
