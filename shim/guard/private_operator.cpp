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

bool is_of_cxx(const char* name) noexcept {
  return name[0] == '_' && name[1] == 'Z';
}

bool is_operator(const char* name) noexcept {
  const bool is_new = is_of_cxx(name) && name[2] == 'n' && (name[3] == 'w' || name[3] == 'a');
  return is_new ||
         (is_of_cxx(name) && name[2] == 'd' && (name[3] == 'l' || name[3] == 'a') && name[4] == 'P');
}

// Operators that a module does not export (-static-libstdc++ behind a version script): one of C++ that asks others for
// none has its own. Which of its functions they are cannot be told; a delete that does nothing but jump to free leaves
// no frame, nor does what jumps to it.
bool is_in_module_with_own(StackId stack) noexcept {
  FrameToken frame = 0;
  bool cut = false;
  if (stack_depot.read(stack, &frame, 1, &cut) == 0) return false;
  const link_map* const module = module_of(reinterpret_cast<const char*>(frame & kFrameAddressMask) - 1);
  return module != nullptr && leaves_to_others(*module, is_of_cxx) && !leaves_to_others(*module, is_operator);
}

// What was found of a stack; a program may make such calls all the time.
class Answers {
 public:
  template <typename F>
  bool of(StackId stack, F&& look) noexcept {
    if (stack == 0) return false;
    std::atomic<std::uint32_t>& place = known_[stack % kKnown];
    const std::uint32_t had = place.load(std::memory_order_relaxed);
    if (had >> 1 == stack) return (had & 1) != 0;
    const bool found = look();
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
  return allocating.of(stack, [stack] { return looks(stack, kNews) || is_in_module_with_own(stack); });
}

bool is_from_operator_delete(StackId stack) noexcept {
  return freeing.of(stack, [stack] { return looks(stack, kDeletes) || is_in_module_with_own(stack); });
}

}  // namespace weir::guarded
