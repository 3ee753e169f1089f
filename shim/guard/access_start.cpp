#include "shim/guard/access_start.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"

namespace weir::pages {
namespace {

constexpr std::uint64_t kWidest = 64;  // bytes that one access of AVX-512 takes
constexpr unsigned kLongest = 15;      // of an instruction

// x86-64, from its first byte to the operand in memory.
class Instruction {
 public:
  explicit Instruction(const ucontext_t& at) noexcept : registers_(at.uc_mcontext.gregs) {
    const auto ip = static_cast<std::uint64_t>(registers_[REG_RIP]);
    for (; size_ < kLongest; ++size_) {
      const std::uint64_t from = ip + size_;
      if ((size_ == 0 || from % kPageSize == 0) && !is_readable(from)) break;
      bytes_[size_] = *reinterpret_cast<const volatile unsigned char*>(from);
    }
  }

  // 0 where there is none.
  std::uint64_t operand() noexcept {
    if (!read_prefixes() || !read_opcode()) return 0;
    return is_string_ ? 0 : address();
  }
  bool is_string() const noexcept { return is_string_; }
  std::uint64_t register_at(unsigned number) const noexcept {
    constexpr int kNumbers[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<std::uint64_t>(registers_[kNumbers[number & 15]]);
  }

 private:
  unsigned next() noexcept { return at_ < size_ ? bytes_[at_++] : bytes_[at_++ % kLongest]; }

  bool read_prefixes() noexcept {
    for (;; ++at_) {
      if (at_ >= size_) return false;
      switch (bytes_[at_]) {
        case 0x66:
        case 0xf0:
        case 0xf2:
        case 0xf3:
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
          continue;
        case 0x64:  // based on FS or GS; of 32 bits
        case 0x65:
        case 0x67:
          return false;
        default:
          break;
      }
      break;
    }
    if ((bytes_[at_] & 0xf0) == 0x40) set_extensions(next());
    return true;
  }

  void set_extensions(unsigned bits) noexcept {
    index_extension_ = (bits & 2) != 0 ? 8 : 0;
    base_extension_ = (bits & 1) != 0 ? 8 : 0;
  }

  // Up to the byte that names the operand.
  bool read_opcode() noexcept {
    const unsigned first = next();
    if (first == 0xc5) {  // VEX of two bytes
      next();
      next();
    } else if (first == 0xc4 || first == 0x62) {  // VEX of three, EVEX
      set_extensions(~next() >> 5);
      next();
      if (first == 0x62) vector_ = std::uint64_t{16} << (next() >> 5 & 3);
      next();
    } else if (first == 0x0f) {
      const unsigned second = next();
      if (second == 0x38 || second == 0x3a) next();
    } else if ((first >= 0xa4 && first <= 0xa7) || (first >= 0xaa && first <= 0xaf)) {
      is_string_ = true;
    } else if (!has_operand(first)) {
      return false;
    }
    return at_ < size_;
  }

  static bool has_operand(unsigned opcode) noexcept {
    if (opcode < 0x40) return (opcode & 7) < 4;
    if (opcode >= 0x80 && opcode <= 0x8f) return true;
    if (opcode >= 0xd0 && opcode <= 0xdf) return opcode <= 0xd3 || opcode >= 0xd8;
    constexpr unsigned char kOthers[] = {0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff};
    return std::memchr(kOthers, static_cast<int>(opcode), sizeof kOthers) != nullptr;
  }

  std::uint64_t address() noexcept {
    const unsigned form = next();
    const unsigned mode = form >> 6;
    unsigned base = form & 7;
    if (mode == 3 || (mode == 0 && base == 5)) return 0;  // a register; beside the instruction
    std::uint64_t sum = 0;
    bool has_base = true;
    if (base == 4) {
      const unsigned scaled = next();
      const unsigned index = (scaled >> 3 & 7) + index_extension_;
      base = scaled & 7;
      if (index != 4) sum += register_at(index) << (scaled >> 6);
      has_base = mode != 0 || base != 5;
    }
    if (has_base) sum += register_at(base + base_extension_);
    if (mode == 1) {
      sum += static_cast<std::uint64_t>(std::int64_t{static_cast<signed char>(next())}) * vector_;
    } else if (mode == 2 || !has_base) {
      std::uint32_t offset = 0;
      for (unsigned shift = 0; shift < 32; shift += 8) offset |= next() << shift;
      sum += static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(offset)});
    }
    return at_ <= size_ ? sum : 0;
  }

  const greg_t* registers_;
  unsigned char bytes_[kLongest] = {};
  unsigned size_ = 0;
  unsigned at_ = 0;
  unsigned index_extension_ = 0, base_extension_ = 0;
  std::uint64_t vector_ = 1;  // what EVEX counts offsets of one byte in
  bool is_string_ = false;
};

}  // namespace

std::uint64_t access_start(const ucontext_t& interrupted, std::uint64_t fault) noexcept {
  if (fault % kPageSize != 0) return fault;  // within the page: the first byte itself
  constexpr unsigned kSource = 6;
  constexpr unsigned kDestination = 7;
  Instruction instruction(interrupted);
  const std::uint64_t operand = instruction.operand();
  const std::uint64_t candidates[] = {operand,
                                      instruction.is_string() ? instruction.register_at(kDestination) : 0,
                                      instruction.is_string() ? instruction.register_at(kSource) : 0};
  for (const std::uint64_t at : candidates) {
    if (fault - at < kWidest) return at;
  }
  return fault;
}

}  // namespace weir::pages
