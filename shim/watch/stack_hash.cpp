#include "shim/watch/stack_hash.hpp"

#include <string_view>

#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {
namespace {

// FNV-1a's step on words, with splitmix64's finalizer in between: offsets differ in few bits.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) noexcept {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
  return (hash ^ word ^ (word >> 31)) * 0x100000001b3u;
}

std::uint64_t hash_of_bytes(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::uint64_t hash_of_module(unsigned number) noexcept {
  const Module& m = modules[number];
  if (m.build_id_bytes == 0) return hash_of_bytes(path_of_module(number));
  return hash_of_bytes({reinterpret_cast<const char*>(m.build_id), m.build_id_bytes});
}

unsigned module_of(FrameToken token) noexcept {
  return static_cast<unsigned>(token >> kFrameModuleShift);
}

bool is_own(unsigned number) noexcept {
  static const char here = 0;
  const auto address = reinterpret_cast<std::uint64_t>(&here);
  return modules[number].start <= address && address < modules[number].end;
}

}  // namespace

std::uint32_t drop_own_frames(FrameToken* tokens, std::uint32_t count) noexcept {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const unsigned number = module_of(tokens[i]);
    if (number == 0 || !is_own(number)) tokens[kept++] = tokens[i];
  }
  return kept;
}

std::uint64_t portable_hash(const FrameToken* tokens, std::uint32_t count) noexcept {
  std::uint64_t hash = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const unsigned number = module_of(tokens[i]);
    hash = mixed(hash, number != 0 ? hash_of_module(number) : 0);
    // Code of no module (a JIT's) lies elsewhere each time.
    hash = mixed(hash, number != 0 ? (tokens[i] & kFrameAddressMask) - modules[number].bias : 0);
  }
  hash ^= hash >> 32;
  return hash != 0 ? hash : 1;
}

}  // namespace weir
