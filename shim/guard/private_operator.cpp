#include "shim/guard/private_operator.hpp"

#include <atomic>
#include <cstdint>
#include <span>

#include "shim/base/module_symbol.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir::guarded {
namespace {

constexpr const char* kNews[] = {"_Znwm",
                                 "_Znam",
                                 "_ZnwmRKSt9nothrow_t",
                                 "_ZnamRKSt9nothrow_t",
                                 "_ZnwmSt11align_val_t",
                                 "_ZnamSt11align_val_t",
                                 "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                 "_ZnamSt11align_val_tRKSt9nothrow_t"};
constexpr const char* kDeletes[] = {"_ZdlPv",
                                    "_ZdaPv",
                                    "_ZdlPvm",
                                    "_ZdaPvm",
                                    "_ZdlPvRKSt9nothrow_t",
                                    "_ZdaPvRKSt9nothrow_t",
                                    "_ZdlPvSt11align_val_t",
                                    "_ZdaPvSt11align_val_t",
                                    "_ZdlPvmSt11align_val_t",
                                    "_ZdaPvmSt11align_val_t",
                                    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                    "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

// The operator, or what it calls to get to malloc.
bool looks(StackId stack, std::span<const char* const> names) noexcept {
  constexpr std::uint32_t kFrames = 4;
  FrameToken frames[kFrames];
  bool cut = false;
  const std::uint32_t count = stack_depot.read(stack, frames, kFrames, &cut);
  for (std::uint32_t i = 0; i < count; ++i) {
    // A return address may lie behind the function.
    const auto* const call = reinterpret_cast<const char*>(frames[i] & kFrameAddressMask) - 1;
    const link_map* const module = module_of(call);
    if (module == nullptr) continue;
    for (const char* name : names) {
      if (is_in_symbol(*module, name, call)) return true;
    }
  }
  return false;
}

// What was found of a stack; a program may make such calls all the time.
class Answers {
 public:
  bool of(StackId stack, std::span<const char* const> names) noexcept {
    if (stack == 0) return false;
    std::atomic<std::uint32_t>& place = known_[stack % kKnown];
    const std::uint32_t had = place.load(std::memory_order_relaxed);
    if (had >> 1 == stack) return (had & 1) != 0;
    const bool found = looks(stack, names);
    place.store(stack << 1 | (found ? 1 : 0), std::memory_order_relaxed);
    return found;
  }

 private:
  static constexpr unsigned kKnown = 512;
  static_assert(kStackIdBits < 32);
  std::atomic<std::uint32_t> known_[kKnown]{};
};
constinit Answers allocating;
constinit Answers freeing;

}  // namespace

bool is_from_operator_new(StackId stack) noexcept {
  return allocating.of(stack, kNews);
}

bool is_from_operator_delete(StackId stack) noexcept {
  return freeing.of(stack, kDeletes);
}

}  // namespace weir::guarded
