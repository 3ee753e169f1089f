// How to step out of one frame, in 64 bits: what the unwind tables say at one address, reduced to what a
// walk that only wants return addresses needs (instruction, stack and base pointer).
//
//   kStandard  CFA = SP + k or BP + k; return address at CFA - 8; BP saved at a slot of the CFA, or unchanged
//   kSignal    the kernel's signal frame: the interrupted registers lie in the ucontext at SP
//   kRealigned CFA = *(BP + k) (gcc's DRAP prologue); return address at CFA - 8; BP saved at a slot of BP
//   kOutermost the tables say that nobody called this frame (_start, clone)
//   kComplex   the tables say more than fits here: libunwind steps it
//   kUnknown   no tables (JIT code, assembly without them): a walk ends here
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"

namespace weir {

enum class RuleKind : unsigned {
  kNone = 0,
  kStandard = 1,
  kSignal = 2,
  kRealigned = 3,
  kOutermost = 4,
  kComplex = 5,
  kUnknown = 6,
};

class FrameRule {
 public:
  static constexpr std::int64_t kLargestCfaOffset = (1 << 26) - 1;
  static constexpr std::int64_t kLargestBpSlot = (1 << 15) - 1;

  constexpr FrameRule() = default;
  constexpr explicit FrameRule(std::uint64_t word) : word_(word) {}
  constexpr FrameRule(RuleKind kind, bool cfa_from_bp = false, std::int64_t cfa_offset = 0)
      : word_(static_cast<unsigned>(kind) | (cfa_from_bp ? kFromBp : 0) |
              (static_cast<std::uint64_t>(cfa_offset) & kCfaMask) << kCfaShift) {}

  constexpr FrameRule with_bp_slot(std::int64_t offset) const {
    return FrameRule(word_ | kSavesBp | (static_cast<std::uint64_t>(offset) & 0xffff) << kBpShift);
  }
  constexpr FrameRule with_module(unsigned module) const {
    return FrameRule((word_ & ~(std::uint64_t{0xffff} << kModuleShift)) | static_cast<std::uint64_t>(module)
                                                                              << kModuleShift);
  }

  constexpr RuleKind kind() const { return static_cast<RuleKind>(word_ & 7); }
  constexpr bool cfa_from_bp() const { return (word_ & kFromBp) != 0; }
  constexpr bool saves_bp() const { return (word_ & kSavesBp) != 0; }
  // Bytes from the CFA (kRealigned: from BP) to where BP was saved.
  constexpr std::int64_t bp_slot() const { return static_cast<std::int16_t>(word_ >> kBpShift); }
  constexpr std::int64_t cfa_offset() const {
    return static_cast<std::int64_t>(word_ << (64 - kCfaShift - 27)) >> (64 - 27);
  }
  constexpr unsigned module() const { return static_cast<unsigned>(word_ >> kModuleShift); }
  constexpr std::uint64_t word() const { return word_; }
  constexpr bool operator==(const FrameRule&) const = default;

 private:
  static constexpr std::uint64_t kFromBp = 8;
  static constexpr std::uint64_t kSavesBp = 16;
  static constexpr unsigned kBpShift = 5;    // 16 bits
  static constexpr unsigned kCfaShift = 21;  // 27 bits, signed
  static constexpr unsigned kModuleShift = 48;
  static constexpr std::uint64_t kCfaMask = (std::uint64_t{1} << 27) - 1;

  std::uint64_t word_ = 0;
};

// A place in a running program: the registers that a walk carries from frame to frame.
struct FrameState {
  std::uint64_t ip;
  std::uint64_t sp;
  std::uint64_t bp;
  bool exact;  // ip was interrupted there; else it is a return address and the call lies before it

  std::uint64_t lookup_address() const noexcept { return exact ? ip : ip - 1; }
};

// Whether a walk may go on at `ip`: not at the end mark of a runtime (the first page), nor where no program's
// code lies (a slot that tables name wrongly between two instructions; a token could not hold it either).
constexpr bool may_be_code(std::uint64_t ip) noexcept {
  constexpr std::uint64_t kLowest = 4096;
  return ip - kLowest <= kFrameAddressMask - kLowest;
}

inline std::uint64_t load_word(std::uint64_t address) noexcept {
  return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

// Offsets into the kernel's struct ucontext on x86-64 of the interrupted registers.
inline constexpr std::uint64_t kUcontextBp = 120;
inline constexpr std::uint64_t kUcontextSp = 160;
inline constexpr std::uint64_t kUcontextIp = 168;

}  // namespace weir
