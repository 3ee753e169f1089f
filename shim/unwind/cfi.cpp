#include "shim/unwind/cfi.hpp"

#include <cstring>

namespace weir {
namespace {

// DWARF register numbers of x86-64.
constexpr std::uint64_t kRegBp = 6;
constexpr std::uint64_t kRegSp = 7;
constexpr std::uint64_t kRegIp = 16;

// Reads forward inside [at, end); once it would pass the end it stays there and is bad().
class Reader {
 public:
  Reader(std::uint64_t at, std::uint64_t end) noexcept
      : at_(reinterpret_cast<const std::uint8_t*>(at)), end_(reinterpret_cast<const std::uint8_t*>(end)) {}

  template <typename T>
  T take() noexcept {
    T value{};
    if (static_cast<std::size_t>(end_ - at_) < sizeof(T)) {
      bad_ = true;
      at_ = end_;
      return value;
    }
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::uint64_t uleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = take<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

  std::int64_t sleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;;) {
      const auto byte = take<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
  }

  void skip(std::uint64_t bytes) noexcept {
    if (bytes > static_cast<std::uint64_t>(end_ - at_)) {
      bad_ = true;
      at_ = end_;
    } else {
      at_ += bytes;
    }
  }

  // A pointer in one of the encodings of the LSB (DW_EH_PE_*); data_base is for the data-relative one.
  std::uint64_t pointer(std::uint8_t encoding, std::uint64_t data_base) noexcept {
    const std::uint64_t here = position();
    std::uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = take<std::uint64_t>();
        break;
      case 0x01:
        value = uleb();
        break;
      case 0x02:
        value = take<std::uint16_t>();
        break;
      case 0x03:
        value = take<std::uint32_t>();
        break;
      case 0x09:
        value = static_cast<std::uint64_t>(sleb());
        break;
      case 0x0a:
        value = static_cast<std::uint64_t>(std::int64_t{take<std::int16_t>()});
        break;
      case 0x0b:
        value = static_cast<std::uint64_t>(std::int64_t{take<std::int32_t>()});
        break;
      default:
        bad_ = true;
        return 0;
    }
    switch (encoding & 0x70) {
      case 0x00:
        break;
      case 0x10:
        value += here;
        break;
      case 0x30:
        value += data_base;
        break;
      default:
        bad_ = true;
        return 0;
    }
    return value;  // indirect ones (0x80) name personalities only, which are skipped
  }

  std::uint64_t position() const noexcept { return reinterpret_cast<std::uint64_t>(at_); }
  std::uint64_t end() const noexcept { return reinterpret_cast<std::uint64_t>(end_); }
  bool at_end() const noexcept { return at_ >= end_; }
  bool bad() const noexcept { return bad_; }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool bad_ = false;
};

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

bool read_cie(std::uint64_t at, std::uint64_t limit, Cie& cie) noexcept {
  Reader r(at, limit);
  const auto length = r.take<std::uint32_t>();
  if (length == 0 || length == 0xffffffff || length > limit - r.position()) return false;
  cie.program_end = r.position() + length;
  Reader body(r.position(), cie.program_end);
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
  bool run(Reader r, const Row* initial) noexcept {
    while (!r.at_end()) {
      const auto op = r.take<std::uint8_t>();
      const std::uint64_t low = op & 0x3f;
      switch (op & 0xc0) {
        case 0x40:
          if (advance(low)) return true;
          continue;
        case 0x80:
          set(low, {RegisterRule::kAtCfa, static_cast<std::int64_t>(r.uleb()) * cie_.data_align});
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

  bool run_extended(std::uint8_t op, Reader& r, const Row* initial) noexcept {
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
        set(reg, {RegisterRule::kAtCfa, static_cast<std::int64_t>(r.uleb()) * cie_.data_align});
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
        set(reg, {RegisterRule::kAtCfa, r.sleb() * cie_.data_align});
        break;
      case 0x12:  // def_cfa_sf
        row.cfa_register = r.uleb();
        row.cfa_offset = r.sleb() * cie_.data_align;
        row.cfa_expression = 0;
        break;
      case 0x13:
        row.cfa_offset = r.sleb() * cie_.data_align;
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

// "*(BP + k)": DW_OP_breg6 k, DW_OP_deref. True and k, if that is what the expression says.
bool is_deref_of_bp(std::uint64_t expression, std::uint64_t limit, std::int64_t& k) noexcept {
  Reader r(expression, limit);
  const std::uint64_t bytes = r.uleb();
  const std::uint64_t end = r.position() + bytes;
  if (r.take<std::uint8_t>() != 0x76) return false;
  k = r.sleb();
  return r.take<std::uint8_t>() == 0x06 && r.position() == end && !r.bad();
}

// "BP + k": DW_OP_breg6 k (a place in memory, as register expressions are).
bool is_place_at_bp(std::uint64_t expression, std::uint64_t limit, std::int64_t& k) noexcept {
  Reader r(expression, limit);
  const std::uint64_t bytes = r.uleb();
  const std::uint64_t end = r.position() + bytes;
  if (r.take<std::uint8_t>() != 0x76) return false;
  k = r.sleb();
  return r.position() == end && !r.bad();
}

// The linker's entry for a PLT: "SP + 8 + ((IP & 15) >= n) * 8", since each stub pushes after its jump.
bool is_plt(std::uint64_t expression, std::uint64_t limit, std::uint64_t address, std::int64_t& k) noexcept {
  Reader r(expression, limit);
  if (r.uleb() != 11) return false;
  std::uint8_t ops[11];
  for (auto& op : ops) op = r.take<std::uint8_t>();
  // breg7 8, breg16 0, lit15, and, lit<n>, ge, lit3, shl, plus
  const bool known = ops[0] == 0x77 && ops[1] == 8 && ops[2] == 0x80 && ops[3] == 0 && ops[4] == 0x3f &&
                     ops[5] == 0x1a && ops[6] >= 0x30 && ops[6] <= 0x4f && ops[7] == 0x2a && ops[8] == 0x33 &&
                     ops[9] == 0x24 && ops[10] == 0x22;
  if (!known || r.bad()) return false;
  k = 8 + ((address & 15) >= static_cast<unsigned>(ops[6] - 0x30) ? 8 : 0);
  return true;
}

// The signal trampoline's two instructions (mov $15, %rax; syscall), by which the frame is known to be the
// kernel's and its lay-out certain.
bool is_sigreturn(std::uint64_t ip, std::uint64_t module_end) noexcept {
  constexpr std::uint8_t kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
  return ip + sizeof kCode <= module_end &&
         std::memcmp(reinterpret_cast<const void*>(ip), kCode, sizeof kCode) == 0;
}

FrameRule reduce(const Row& row, std::uint64_t limit, std::uint64_t address) noexcept {
  if (row.ip.kind == RegisterRule::kUndefined) return RuleKind::kOutermost;
  const FrameRule complex = RuleKind::kComplex;
  if (row.ip.kind != RegisterRule::kAtCfa || row.ip.offset != -8 || row.sp.kind != RegisterRule::kUnchanged) {
    return complex;
  }
  FrameRule rule;
  std::int64_t k = 0;
  if (row.cfa_expression != 0 && is_deref_of_bp(row.cfa_expression, limit, k)) {
    std::int64_t slot = 0;
    if (row.bp.kind != RegisterRule::kExpression || !is_place_at_bp(row.bp.expression, limit, slot))
      return complex;
    if (k < -FrameRule::kLargestCfaOffset || k > FrameRule::kLargestCfaOffset) return complex;
    if (slot < -FrameRule::kLargestBpSlot || slot > FrameRule::kLargestBpSlot) return complex;
    return FrameRule(RuleKind::kRealigned, true, k).with_bp_slot(slot);
  }
  if (row.cfa_expression != 0) {
    if (!is_plt(row.cfa_expression, limit, address, k)) return complex;
    rule = FrameRule(RuleKind::kStandard, false, k);
  } else {
    if (row.cfa_register != kRegSp && row.cfa_register != kRegBp) return complex;
    if (row.cfa_offset < 8 || row.cfa_offset > FrameRule::kLargestCfaOffset) return complex;
    rule = FrameRule(RuleKind::kStandard, row.cfa_register == kRegBp, row.cfa_offset);
  }
  switch (row.bp.kind) {
    case RegisterRule::kUnchanged:
    case RegisterRule::kUndefined:  // nobody outside needs it, and libunwind carries it on as well
      return rule;
    case RegisterRule::kAtCfa:
      if (row.bp.offset < -FrameRule::kLargestBpSlot || row.bp.offset > FrameRule::kLargestBpSlot)
        return complex;
      return rule.with_bp_slot(row.bp.offset);
    default:
      return complex;
  }
}

// Binary search in the sorted table of .eh_frame_hdr; 0 where it has no entry at or before the address.
std::uint64_t find_fde(const UnwindTables& t, std::uint64_t address) noexcept {
  constexpr std::uint8_t kSortedTable = 0x3b;  // data-relative, signed 32 bits: what every linker writes
  Reader r(t.eh_frame_hdr, t.module_end);
  const auto version = r.take<std::uint8_t>();
  const auto frame_encoding = r.take<std::uint8_t>();
  const auto count_encoding = r.take<std::uint8_t>();
  const auto table_encoding = r.take<std::uint8_t>();
  if (version != 1 || table_encoding != kSortedTable) return 0;
  r.pointer(frame_encoding, t.eh_frame_hdr);
  const std::uint64_t count = r.pointer(count_encoding, t.eh_frame_hdr);
  if (r.bad() || count == 0 || count > (t.module_end - r.position()) / 8) return 0;
  struct Entry {
    std::int32_t start, fde;
  };
  const auto* table = reinterpret_cast<const Entry*>(r.position());
  const auto wanted = static_cast<std::int64_t>(address - t.eh_frame_hdr);
  if (wanted < table[0].start) return 0;
  std::uint64_t low = 0;
  for (std::uint64_t high = count; high - low > 1;) {
    const std::uint64_t middle = (low + high) / 2;
    (table[middle].start <= wanted ? low : high) = middle;
  }
  return t.eh_frame_hdr + static_cast<std::uint64_t>(static_cast<std::int64_t>(table[low].fde));
}

}  // namespace

FrameRule read_frame_rule(const UnwindTables& tables, std::uint64_t address) noexcept {
  const FrameRule unknown = RuleKind::kUnknown;
  if (tables.eh_frame_hdr < tables.module_start || tables.eh_frame_hdr >= tables.module_end) return unknown;
  const std::uint64_t fde = find_fde(tables, address);
  if (fde < tables.module_start || fde >= tables.module_end) return unknown;

  Reader r(fde, tables.module_end);
  const auto length = r.take<std::uint32_t>();
  if (r.bad() || length == 0 || length == 0xffffffff || length > tables.module_end - r.position())
    return unknown;
  const std::uint64_t end = r.position() + length;
  const std::uint64_t cie_pointer_at = r.position();
  const std::uint64_t cie_at = cie_pointer_at - r.take<std::uint32_t>();
  Cie cie;
  if (cie_at < tables.module_start || !read_cie(cie_at, tables.module_end, cie)) return unknown;
  Reader body(r.position(), end);
  const std::uint64_t start = body.pointer(cie.pointer_encoding, 0);
  const std::uint64_t bytes = body.pointer(cie.pointer_encoding & 0x0f, 0);
  if (body.bad() || address < start || address >= start + bytes) return unknown;
  if (cie.augmented) body.skip(body.uleb());

  if (cie.signal_frame) {
    // A return address into the trampoline was looked up one byte before it.
    const bool known =
        is_sigreturn(address, tables.module_end) || is_sigreturn(address + 1, tables.module_end);
    return known ? FrameRule(RuleKind::kSignal) : FrameRule(RuleKind::kComplex);
  }
  RowMachine initial(cie, 0, ~std::uint64_t{0});
  if (!initial.run(Reader(cie.program, cie.program_end), nullptr)) return RuleKind::kComplex;
  RowMachine machine(cie, start, address);
  machine.row = initial.row;
  if (!machine.run(body, &initial.row)) return RuleKind::kComplex;
  if (cie.return_register != kRegIp) return RuleKind::kComplex;
  return reduce(machine.row, tables.module_end, address);
}

}  // namespace weir
