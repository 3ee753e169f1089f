#include "shim/unwind/cfi.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"
#include "shim/unwind/cfi_rows.hpp"

namespace weir {
namespace {

// "*(BP + k)": DW_OP_breg6 k, DW_OP_deref. True and k, if that is what the expression says.
bool is_deref_of_bp(std::uint64_t expression, std::uint64_t limit, std::int64_t& k) noexcept {
  DwarfReader r(expression, limit);
  const std::uint64_t bytes = r.uleb();
  const std::uint64_t end = r.position() + bytes;
  if (r.take<std::uint8_t>() != 0x76) return false;
  k = r.sleb();
  return r.take<std::uint8_t>() == 0x06 && r.position() == end && !r.bad();
}

// "BP + k": DW_OP_breg6 k (a place in memory, as register expressions are).
bool is_place_at_bp(std::uint64_t expression, std::uint64_t limit, std::int64_t& k) noexcept {
  DwarfReader r(expression, limit);
  const std::uint64_t bytes = r.uleb();
  const std::uint64_t end = r.position() + bytes;
  if (r.take<std::uint8_t>() != 0x76) return false;
  k = r.sleb();
  return r.position() == end && !r.bad();
}

// The linker's entry for a PLT: "SP + 8 + ((IP & 15) >= n) * 8", since each stub pushes after its jump.
bool is_plt(std::uint64_t expression, std::uint64_t limit, std::uint64_t address, std::int64_t& k) noexcept {
  DwarfReader r(expression, limit);
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
  DwarfReader r(t.eh_frame_hdr, t.module_end);
  const auto version = r.take<std::uint8_t>();
  const auto frame_encoding = r.take<std::uint8_t>();
  const auto count_encoding = r.take<std::uint8_t>();
  const auto table_encoding = r.take<std::uint8_t>();
  if (version != 1 || table_encoding != kSortedTable) return 0;
  r.pointer(frame_encoding, t.eh_frame_hdr);
  const std::uint64_t count = r.pointer(count_encoding, t.eh_frame_hdr);
  if (r.bad() || count == 0 || count > (t.module_end - r.position()) / 8) return 0;
  struct [[gnu::packed]] Entry {
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

// An entry for code, read as far as its program.
struct CodeEntry {
  Cie cie;
  std::uint64_t start, bytes;
  std::uint64_t program, end;
};

// The entry at `at`, which with its CIE lies in [low, high). False where there is none, or none of that kind.
bool read_entry(std::uint64_t at, std::uint64_t low, std::uint64_t high, CodeEntry& entry) noexcept {
  DwarfReader r(at, high);
  const auto length = r.take<std::uint32_t>();
  if (r.bad() || length == 0 || length == 0xffffffff || length > high - r.position()) return false;
  entry.end = r.position() + length;
  const std::uint64_t cie_pointer_at = r.position();
  const std::uint64_t cie_at = cie_pointer_at - r.take<std::uint32_t>();
  if (cie_at < low || cie_at > cie_pointer_at) return false;
  if (!read_cie(cie_at, high, entry.cie)) return false;
  DwarfReader body(r.position(), entry.end);
  entry.start = body.pointer(entry.cie.pointer_encoding, 0);
  entry.bytes = body.pointer(entry.cie.pointer_encoding & 0x0f, 0);
  if (entry.cie.augmented) body.skip(body.uleb());
  entry.program = body.position();
  return !body.bad();
}

// What the entry says about an address in its code. The tables end at `limit`, the code of the module at `code_limit`.
FrameRule rule_of(const CodeEntry& entry, std::uint64_t address, std::uint64_t limit,
                  std::uint64_t code_limit) noexcept {
  const Cie& cie = entry.cie;
  if (cie.signal_frame) {
    // A return address into the trampoline was looked up one byte before it.
    const bool known = is_sigreturn(address, code_limit) || is_sigreturn(address + 1, code_limit);
    return known ? FrameRule(RuleKind::kSignal) : FrameRule(RuleKind::kComplex);
  }
  RowMachine initial(cie, 0, ~std::uint64_t{0});
  if (!initial.run(DwarfReader(cie.program, cie.program_end), nullptr)) return RuleKind::kComplex;
  RowMachine machine(cie, entry.start, address);
  machine.row = initial.row;
  if (!machine.run(DwarfReader(entry.program, entry.end), &initial.row)) return RuleKind::kComplex;
  if (cie.return_register != kRegIp) return RuleKind::kComplex;
  return reduce(machine.row, limit, address);
}

}  // namespace

FrameRule read_frame_rule(const UnwindTables& tables, std::uint64_t address) noexcept {
  const FrameRule unknown = RuleKind::kUnknown;
  if (tables.eh_frame_hdr < tables.module_start || tables.eh_frame_hdr >= tables.module_end) return unknown;
  const std::uint64_t fde = find_fde(tables, address);
  if (fde < tables.module_start || fde >= tables.module_end) return unknown;
  CodeEntry entry;
  if (!read_entry(fde, tables.module_start, tables.module_end, entry)) return unknown;
  if (address < entry.start || address >= entry.start + entry.bytes) return unknown;
  return rule_of(entry, address, tables.module_end, tables.module_end);
}

bool FrameEntries::may_read(std::uint64_t start, std::uint64_t bytes) noexcept {
  for (std::uint64_t page = start & ~(kPageSize - 1); page < start + bytes; page += kPageSize) {
    if (page >= asked_from_ && page < asked_to_) continue;
    if (!is_readable(page)) return false;
    if (page != asked_to_) asked_from_ = page;
    asked_to_ = page + kPageSize;
  }
  return true;
}

bool FrameEntries::next() noexcept {
  constexpr std::uint64_t kLongest = 1 << 20;  // of an entry; what is longer is none
  constexpr std::uint64_t kLength = sizeof(std::uint32_t);
  while (next_ + 2 * kLength <= end_ && may_read(next_, kLength)) {
    const std::uint64_t at = next_;
    std::uint32_t length = 0;
    std::memcpy(&length, reinterpret_cast<const void*>(at), kLength);
    if (length < kLength || length > kLongest || length > end_ - at - kLength ||
        !may_read(at, kLength + length)) {
      return false;
    }
    next_ = at + kLength + length;
    std::uint32_t cie_offset = 0;
    std::memcpy(&cie_offset, reinterpret_cast<const void*>(at + kLength), kLength);
    CodeEntry entry;
    if (cie_offset == 0 || !read_entry(at, begin_, next_, entry) || entry.start == 0 || entry.bytes == 0)
      continue;
    entry_ = at;
    code_start_ = entry.start;
    code_end_ = entry.start + entry.bytes;
    return true;
  }
  return false;
}

FrameRule FrameEntries::rule_at(std::uint64_t address) const noexcept {
  CodeEntry entry;
  if (!read_entry(entry_, begin_, next_, entry)) return RuleKind::kUnknown;
  return rule_of(entry, address, next_, code_end_);
}

}  // namespace weir
