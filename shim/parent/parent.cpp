#include "shim/parent/parent.hpp"

#include <cstdint>

#include "shim/base/copy_block.hpp"

// jemalloc's settings before MALLOC_CONF has its say. A freed extent serves any smaller request, not only one
// of at least a 64th of its size: with that limit, slabs that were freed together coalesce into what no slab
// may be cut from, and the heap grows by its peak each round until the decay (measured: python building the
// same lists four times, 99 MB of peak RSS against 59).
extern "C" {
extern const char* weir_je_malloc_conf;
__attribute__((visibility("hidden"))) const char* weir_je_malloc_conf = "lg_extent_max_active_fit:16";
}

namespace weir::parent {
namespace {

std::size_t read_size(const char* name) noexcept {
  std::size_t value = 0;
  std::size_t bytes = sizeof value;
  return weir_je_mallctl(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

void* reallocate(void* block, std::size_t bytes) noexcept {
  constexpr std::size_t kLarge = std::size_t{1} << 20;
  const std::size_t had = bytes >= kLarge ? usable_size(block) : 0;
  if (had < kLarge) return weir_je_realloc(block, bytes);
  if (resize(block, bytes)) return block;
  void* const moved = allocate(bytes);
  if (moved == nullptr) return nullptr;
  copy_block(moved, block, bytes < had ? bytes : had);
  deallocate(block);
  return moved;
}

Usage usage() noexcept {
  std::uint64_t epoch = 1;
  std::size_t bytes = sizeof epoch;
  weir_je_mallctl("epoch", &epoch, &bytes, &epoch, sizeof epoch);
  return {read_size("stats.allocated"), read_size("stats.mapped"), read_size("stats.retained")};
}

void trim() noexcept {
  weir_je_mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  weir_je_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // MALLCTL_ARENAS_ALL
}

}  // namespace weir::parent
