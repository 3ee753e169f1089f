// The program of an unwind table's entry (DWARF 4 section 6.4.2) run up to one address: where the CFA is
// there, and where the caller's BP, IP and SP were saved. Other registers are passed over.
//
// For cfi.cpp. Allocates nothing, takes no lock; about a kilobyte of stack.
#pragma once

#include "shim/unwind/dwarf_reader.hpp"

namespace weir {

// DWARF register numbers of x86-64.
inline constexpr std::uint64_t kRegBp = 6;
inline constexpr std::uint64_t kRegSp = 7;
inline constexpr std::uint64_t kRegIp = 16;

// The common part of a group of entries.
struct Cie {
  std::uint64_t code_align = 1;
  std::int64_t data_align = 1;
  std::uint64_t return_register = kRegIp;
  std::uint8_t pointer_encoding = 0;
  bool augmented = false;
  bool signal_frame = false;
  std::uint64_t program = 0, program_end = 0;
};

inline bool read_cie(std::uint64_t at, std::uint64_t limit, Cie& cie) noexcept {
  DwarfReader r(at, limit);
  const auto length = r.take<std::uint32_t>();
  if (length == 0 || length == 0xffffffff || length > limit - r.position()) return false;
  cie.program_end = r.position() + length;
  DwarfReader body(r.position(), cie.program_end);
  if (body.take<std::uint32_t>() != 0) return false;
  const auto version = body.take<std::uint8_t>();
  if (version != 1 && version != 3) return false;
  char augmentation[8] = {};
  for (std::size_t i = 0;; ++i) {
    if (i == sizeof augmentation || body.bad()) return false;
    if ((augmentation[i] = body.take<char>()) == '\0') break;
  }
  cie.code_align = body.uleb();
  cie.data_align = body.sleb();
  cie.return_register = version == 1 ? body.take<std::uint8_t>() : body.uleb();
  if (augmentation[0] == 'z') {
    cie.augmented = true;
    const std::uint64_t bytes = body.uleb();
    if (bytes > cie.program_end - body.position()) return false;
    cie.program = body.position() + bytes;
    for (const char* a = augmentation + 1; *a != '\0'; ++a) {
      if (*a == 'R') {
        cie.pointer_encoding = body.take<std::uint8_t>();
      } else if (*a == 'P') {
        const auto encoding = body.take<std::uint8_t>();
        body.pointer(encoding & 0x7f, 0);
      } else if (*a == 'L') {
        body.take<std::uint8_t>();
      } else if (*a == 'S') {
        cie.signal_frame = true;
      } else {
        break;  // the length says where the program starts all the same
      }
    }
  } else if (augmentation[0] == '\0') {
    cie.program = body.position();
  } else {
    return false;
  }
  return !body.bad() && cie.program <= cie.program_end;
}

// Where a register of the caller is found.
struct RegisterRule {
  enum Kind : std::uint8_t { kUnchanged, kAtCfa, kUndefined, kExpression, kOther } kind = kUnchanged;
  std::int64_t offset = 0;       // kAtCfa: bytes from the CFA
  std::uint64_t expression = 0;  // kExpression: its length prefix
};

// One row of the table: what the program has established at an address.
struct Row {
  std::uint64_t cfa_register = kRegSp;
  std::int64_t cfa_offset = 8;
  std::uint64_t cfa_expression = 0;
  RegisterRule bp, ip, sp;

  RegisterRule* of(std::uint64_t reg) noexcept {
    if (reg == kRegBp) return &bp;
    if (reg == kRegIp) return &ip;
    if (reg == kRegSp) return &sp;
    return nullptr;
  }
};

class RowMachine {
 public:
  RowMachine(const Cie& cie, std::uint64_t start, std::uint64_t wanted) noexcept
      : cie_(cie), location_(start), wanted_(wanted) {}

  Row row;

  // Runs instructions until the row of the wanted address is complete. `initial` is the CIE's row, which
  // DW_CFA_restore goes back to. False for what cannot be read.
  bool run(DwarfReader r, const Row* initial) noexcept {
    while (!r.at_end()) {
      const auto op = r.take<std::uint8_t>();
      const std::uint64_t low = op & 0x3f;
      switch (op & 0xc0) {
        case 0x40:
          if (advance(low)) return true;
          continue;
        case 0x80:
          set(low, {RegisterRule::kAtCfa, scaled(r.uleb())});
          continue;
        case 0xc0:
          restore(low, initial);
          continue;
        default:
          break;
      }
      if (!run_extended(op, r, initial)) return false;
      if (passed_) return !r.bad();
    }
    return !r.bad();
  }

 private:
  // A factored offset; what overflows in a damaged table is some number.
  std::int64_t scaled(std::uint64_t factor) const noexcept {
    return static_cast<std::int64_t>(factor * static_cast<std::uint64_t>(cie_.data_align));
  }

  bool advance(std::uint64_t units) noexcept {
    location_ += units * cie_.code_align;
    return passed_ = location_ > wanted_;
  }

  void set(std::uint64_t reg, RegisterRule rule) noexcept {
    if (RegisterRule* r = row.of(reg)) *r = rule;
  }

  void restore(std::uint64_t reg, const Row* initial) noexcept {
    RegisterRule* r = row.of(reg);
    if (r != nullptr && initial != nullptr) *r = *const_cast<Row*>(initial)->of(reg);
  }

  bool run_extended(std::uint8_t op, DwarfReader& r, const Row* initial) noexcept {
    std::uint64_t reg;
    switch (op) {
      case 0x00:
        break;    // nop
      case 0x01:  // set_loc
        location_ = r.pointer(cie_.pointer_encoding, 0);
        passed_ = location_ > wanted_;
        break;
      case 0x02:
        advance(r.take<std::uint8_t>());
        break;
      case 0x03:
        advance(r.take<std::uint16_t>());
        break;
      case 0x04:
        advance(r.take<std::uint32_t>());
        break;
      case 0x05:  // offset_extended
        reg = r.uleb();
        set(reg, {RegisterRule::kAtCfa, scaled(r.uleb())});
        break;
      case 0x06:
        restore(r.uleb(), initial);
        break;
      case 0x07:
        set(r.uleb(), {RegisterRule::kUndefined});
        break;
      case 0x08:
        set(r.uleb(), {RegisterRule::kUnchanged});
        break;
      case 0x09:  // register
        reg = r.uleb();
        r.uleb();
        set(reg, {RegisterRule::kOther});
        break;
      case 0x0a:  // remember_state
        if (depth_ == kDepth) return false;
        saved_[depth_++] = row;
        break;
      case 0x0b:  // restore_state
        if (depth_ == 0) return false;
        row = saved_[--depth_];
        break;
      case 0x0c:  // def_cfa
        row.cfa_register = r.uleb();
        row.cfa_offset = static_cast<std::int64_t>(r.uleb());
        row.cfa_expression = 0;
        break;
      case 0x0d:
        row.cfa_register = r.uleb();
        row.cfa_expression = 0;
        break;
      case 0x0e:
        row.cfa_offset = static_cast<std::int64_t>(r.uleb());
        break;
      case 0x0f:  // def_cfa_expression
        row.cfa_expression = r.position();
        r.skip(r.uleb());
        break;
      case 0x10:  // expression
        reg = r.uleb();
        set(reg, {RegisterRule::kExpression, 0, r.position()});
        r.skip(r.uleb());
        break;
      case 0x11:  // offset_extended_sf
        reg = r.uleb();
        set(reg, {RegisterRule::kAtCfa, scaled(static_cast<std::uint64_t>(r.sleb()))});
        break;
      case 0x12:  // def_cfa_sf
        row.cfa_register = r.uleb();
        row.cfa_offset = scaled(static_cast<std::uint64_t>(r.sleb()));
        row.cfa_expression = 0;
        break;
      case 0x13:
        row.cfa_offset = scaled(static_cast<std::uint64_t>(r.sleb()));
        break;
      case 0x14:
      case 0x15:  // val_offset, val_offset_sf
        reg = r.uleb();
        r.uleb();
        set(reg, {RegisterRule::kOther});
        break;
      case 0x16:  // val_expression
        reg = r.uleb();
        r.skip(r.uleb());
        set(reg, {RegisterRule::kOther});
        break;
      case 0x2e:
        r.uleb();
        break;  // GNU_args_size
      default:
        return false;
    }
    return true;
  }

  static constexpr unsigned kDepth = 8;
  const Cie& cie_;
  std::uint64_t location_;
  const std::uint64_t wanted_;
  bool passed_ = false;
  Row saved_[kDepth];
  unsigned depth_ = 0;
};

}  // namespace weir
