#include "shim/parent/parent.hpp"

#include <cstdint>

namespace weir::parent {
namespace {

std::size_t read_size(const char* name) noexcept {
  std::size_t value = 0;
  std::size_t bytes = sizeof value;
  return weir_je_mallctl(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

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
