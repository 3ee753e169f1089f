#include "shim/guard/private_operator.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
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

// Steps over an address that the code jumps to, if jumping is all that it does; 0 where it does something else.
std::uint64_t jump_target(std::uint64_t at) noexcept {
  constexpr unsigned char kEndBranch[] = {0xf3, 0x0f, 0x1e, 0xfa};
  const auto* code = reinterpret_cast<const unsigned char*>(at);
  if (std::memcmp(code, kEndBranch, sizeof kEndBranch) == 0) code += sizeof kEndBranch;
  constexpr unsigned char kJump = 0xe9;
  if (*code != kJump) return 0;
  std::int32_t distance;
  std::memcpy(&distance, code + 1, sizeof distance);
  return reinterpret_cast<std::uint64_t>(code) + 5 + static_cast<std::uint64_t>(std::int64_t{distance});
}

// Whether it lies in front of what ends such a row of jumps, an entry of the module's table for calls of others.
bool is_table_entry(std::uint64_t at) noexcept {
  constexpr unsigned char kEndBranch[] = {0xf3, 0x0f, 0x1e, 0xfa};
  const auto* code = reinterpret_cast<const unsigned char*>(at);
  if (std::memcmp(code, kEndBranch, sizeof kEndBranch) == 0) code += sizeof kEndBranch;
  constexpr unsigned char kBound = 0xf2;
  if (*code == kBound) ++code;
  return code[0] == 0xff && code[1] == 0x25;
}

bool is_of_cxx(const char* name) noexcept {
  return name[0] == '_' && name[1] == 'Z';
}

bool is_delete(const char* name) noexcept {
  return is_of_cxx(name) && name[2] == 'd' && (name[3] == 'l' || name[3] == 'a') && name[4] == 'P';
}

// The innermost frame called a function that only jumps to free, so that it stands itself as free's caller.
bool looks_like_delete(StackId stack) noexcept {
  FrameToken frame = 0;
  bool cut = false;
  if (stack_depot.read(stack, &frame, 1, &cut) == 0) return false;
  const std::uint64_t behind = frame & kFrameAddressMask;
  constexpr std::uint64_t kCallBytes = 5;
  const auto* const call = reinterpret_cast<const unsigned char*>(behind - kCallBytes);
  const link_map* const module = module_of(call);
  constexpr unsigned char kCall = 0xe8;
  if (module == nullptr || *call != kCall) return false;
  std::int32_t distance;
  std::memcpy(&distance, call + 1, sizeof distance);
  std::uint64_t at = behind + static_cast<std::uint64_t>(std::int64_t{distance});
  constexpr unsigned kMostJumps = 3;  // a delete with a size jumps to the one without
  unsigned jumps = 0;
  for (std::uint64_t next; jumps < kMostJumps && module_of(reinterpret_cast<const void*>(at)) == module &&
                           (next = jump_target(at)) != 0;
       ++jumps) {
    at = next;
  }
  if (jumps == 0 || module_of(reinterpret_cast<const void*>(at)) != module || !is_table_entry(at))
    return false;
  return leaves_to_others(*module, is_of_cxx) && !leaves_to_others(*module, is_delete);
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
  return allocating.of(stack, [stack] { return looks(stack, kNews); });
}

bool is_from_operator_delete(StackId stack) noexcept {
  return freeing.of(stack, [stack] { return looks(stack, kDeletes) || looks_like_delete(stack); });
}

}  // namespace weir::guarded
