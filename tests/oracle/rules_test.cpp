// Holds weir's reading of unwind tables against elfutils', row by row, for the large files of the system.
//
// Each file's segments are mapped as the loader would map them, and read_frame_rule is asked at the first
// byte, in the middle and at the last byte of every row that libdw finds there, and behind the last row of a
// function where no other begins. The rule must be the row, exactly; kComplex only where a FrameRule cannot
// say it.
//
// rules_test [FILE…]: these files too; they must be there.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "shim/unwind/cfi.hpp"

namespace {

using weir::FrameRule;
using weir::RuleKind;

constexpr std::uint64_t kLowestRows = 500'000;
constexpr unsigned kBp = 6;
constexpr unsigned kSp = 7;
constexpr unsigned kIp = 16;
constexpr unsigned kKinds = 7;
constexpr const char* kKindNames[kKinds] = {"none",      "standard", "signal", "realigned",
                                            "outermost", "complex",  "unknown"};

constexpr const char* kFiles[] = {
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
    "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
    "/usr/lib/x86_64-linux-gnu/libunwind.so.8",
    "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
    "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
    "/usr/lib/x86_64-linux-gnu/libdw.so.1",
    "/usr/bin/python3.11",
    "/usr/bin/perl",
    "/usr/bin/git",
    "/usr/bin/node",
    "/usr/bin/redis-server",
    "/usr/sbin/nginx",
    "/usr/lib/gcc/x86_64-linux-gnu/*/cc1plus",
    "/usr/lib/jvm/*/lib/server/libjvm.so",
};

// A file's loadable segments at one place, readable, as far as unwinding needs them.
class Image {
 public:
  Image(int fd, Elf* elf) {
    std::size_t count = 0;
    elf_getphdrnum(elf, &count);
    std::vector<GElf_Phdr> segments(count);
    std::uint64_t low = ~std::uint64_t{0};
    std::uint64_t high = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const GElf_Phdr& s = *gelf_getphdr(elf, static_cast<int>(i), &segments[i]);
      if (s.p_type == PT_GNU_EH_FRAME) eh_frame_hdr_ = s.p_vaddr;
      if (s.p_type != PT_LOAD) continue;
      low = std::min(low, s.p_vaddr & ~kPageMask);
      high = std::max(high, (s.p_vaddr + s.p_memsz + kPageMask) & ~kPageMask);
    }
    bytes_ = high - low;
    memory_ = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
    bias_ = reinterpret_cast<std::uint64_t>(memory_) - low;
    for (const GElf_Phdr& s : segments) {
      if (s.p_type != PT_LOAD || s.p_filesz == 0) continue;
      const std::uint64_t in_page = s.p_vaddr & kPageMask;
      void* at = reinterpret_cast<void*>(bias_ + s.p_vaddr - in_page);
      void* got = mmap(at, s.p_filesz + in_page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd,
                       static_cast<off_t>(s.p_offset - in_page));
      if (got != at) std::abort();
    }
  }
  ~Image() { munmap(memory_, bytes_); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  bool has_tables() const { return eh_frame_hdr_ != 0; }
  std::uint64_t bias() const { return bias_; }
  weir::UnwindTables tables() const {
    const auto start = reinterpret_cast<std::uint64_t>(memory_);
    return {start, start + bytes_, bias_ + eh_frame_hdr_};
  }

  // Where functions begin, by the linker's index of the tables.
  std::set<std::uint64_t> functions() const {
    const auto* words = reinterpret_cast<const std::int32_t*>(bias_ + eh_frame_hdr_);
    std::set<std::uint64_t> starts;
    for (std::int32_t i = 0; i < words[2]; ++i) {
      starts.insert(eh_frame_hdr_ + static_cast<std::uint64_t>(std::int64_t{words[3 + 2 * i]}));
    }
    return starts;
  }

 private:
  static constexpr std::uint64_t kPageMask = 4095;
  void* memory_;
  std::uint64_t bytes_;
  std::uint64_t bias_;
  std::uint64_t eh_frame_hdr_ = 0;
};

struct Operations {
  Dwarf_Op* op = nullptr;
  std::size_t count = 0;

  bool is(std::size_t i, unsigned atom) const { return i < count && op[i].atom == atom; }
};

// What libdw says of a register of the caller.
struct Found {
  enum Kind { kSame, kUndefined, kAtCfa, kCfaItself, kAtBp, kOther } kind = kOther;
  std::int64_t offset = 0;
};

Found find_register(Dwarf_Frame* frame, unsigned number) {
  Dwarf_Op room[3];
  Operations o;
  if (dwarf_frame_register(frame, static_cast<int>(number), room, &o.op, &o.count) != 0) return {};
  if (o.count == 0) return {o.op == nullptr ? Found::kSame : Found::kUndefined, 0};
  if (!o.is(0, DW_OP_call_frame_cfa)) return {};
  if (o.count == 1) return {Found::kAtCfa, 0};
  const auto value = static_cast<std::int64_t>(o.op[1].number);
  if (o.count == 2 && o.is(1, DW_OP_plus_uconst)) return {Found::kAtCfa, value};
  if (o.count == 2 && o.is(1, DW_OP_stack_value)) return {Found::kCfaItself, 0};
  if (o.count == 2 && o.is(1, DW_OP_breg0 + kBp)) return {Found::kAtBp, value};
  return {};
}

// The CFA of a procedure linkage table: RSP + 8 + ((RIP & 15) >= n) * 8.
bool is_plt(const Operations& o) {
  constexpr unsigned kAtoms[] = {DW_OP_breg0 + kSp, DW_OP_breg0 + kIp, DW_OP_lit15, DW_OP_and, 0,
                                 DW_OP_ge,          DW_OP_lit3,        DW_OP_shl,   DW_OP_plus};
  if (o.count != 9 || o.op[0].number != 8 || o.op[1].number != 0) return false;
  for (std::size_t i = 0; i < 9; ++i) {
    if (i != 4 && !o.is(i, kAtoms[i])) return false;
  }
  return o.op[4].atom >= DW_OP_lit0 && o.op[4].atom <= DW_OP_lit31;
}

bool fits_slot(std::int64_t offset) {
  return std::abs(offset) <= FrameRule::kLargestBpSlot;
}

// The rule that a row should reduce to at `address` of the file.
FrameRule expected_rule(Dwarf_Frame* frame, std::uint64_t address, std::uint64_t bias) {
  Dwarf_Addr start, end;
  bool signal = false;
  const int return_register = dwarf_frame_info(frame, &start, &end, &signal);
  if (signal) {
    const auto* code = reinterpret_cast<const char*>(bias + address);
    constexpr char kReturn[] = "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05";
    const bool kernel = std::memcmp(code, kReturn, sizeof kReturn - 1) == 0 ||
                        std::memcmp(code + 1, kReturn, sizeof kReturn - 1) == 0;
    return kernel ? RuleKind::kSignal : RuleKind::kComplex;
  }
  const Found ip = find_register(frame, kIp);
  const Found sp = find_register(frame, kSp);
  const Found bp = find_register(frame, kBp);
  if (return_register != static_cast<int>(kIp)) return RuleKind::kComplex;
  if (ip.kind == Found::kUndefined) return RuleKind::kOutermost;
  if (ip.kind != Found::kAtCfa || ip.offset != -8 || sp.kind != Found::kCfaItself) return RuleKind::kComplex;

  Operations cfa;
  if (dwarf_frame_cfa(frame, &cfa.op, &cfa.count) != 0) return RuleKind::kComplex;
  FrameRule rule = RuleKind::kComplex;
  if (cfa.count == 1 && cfa.is(0, DW_OP_bregx) && (cfa.op[0].number == kSp || cfa.op[0].number == kBp)) {
    const auto offset = static_cast<std::int64_t>(cfa.op[0].number2);
    if (offset < 8 || offset > FrameRule::kLargestCfaOffset) return rule;
    rule = FrameRule(RuleKind::kStandard, cfa.op[0].number == kBp, offset);
  } else if (cfa.count == 2 && cfa.is(0, DW_OP_breg0 + kBp) && cfa.is(1, DW_OP_deref)) {
    if (bp.kind != Found::kAtBp || !fits_slot(bp.offset)) return rule;
    return FrameRule(RuleKind::kRealigned, true, static_cast<std::int64_t>(cfa.op[0].number))
        .with_bp_slot(bp.offset);
  } else if (is_plt(cfa)) {
    const bool pushed = (address & 15) >= unsigned{cfa.op[4].atom} - DW_OP_lit0;
    rule = FrameRule(RuleKind::kStandard, false, pushed ? 16 : 8);
  } else {
    return rule;
  }
  if (bp.kind == Found::kSame || bp.kind == Found::kUndefined) return rule;
  if (bp.kind != Found::kAtCfa || !fits_slot(bp.offset)) return RuleKind::kComplex;
  return rule.with_bp_slot(bp.offset);
}

std::string describe(FrameRule rule) {
  char text[160];
  std::snprintf(text, sizeof text, "%s CFA %s%+" PRId64 " BP %s%+" PRId64,
                kKindNames[static_cast<unsigned>(rule.kind())], rule.cfa_from_bp() ? "BP" : "SP",
                rule.cfa_offset(), rule.saves_bp() ? "at " : "kept ", rule.bp_slot());
  return text;
}

struct Tally {
  std::uint64_t rows = 0;
  std::uint64_t kinds[kKinds] = {};
  std::uint64_t different = 0;

  void operator+=(const Tally& other) {
    rows += other.rows;
    for (unsigned i = 0; i < kKinds; ++i) kinds[i] += other.kinds[i];
    different += other.different;
  }
};

class Comparison {
 public:
  Comparison(const char* path, const Image& image) : path_(path), image_(image), tables_(image.tables()) {}

  Tally tally;

  FrameRule at(std::uint64_t address, FrameRule expected) {
    const FrameRule ours = weir::read_frame_rule(tables_, image_.bias() + address);
    if (ours == expected) return ours;
    if (++tally.different <= 20) {
      std::printf("%s: at %#" PRIx64 ": weir reads %s, libdw %s\n", path_, address, describe(ours).c_str(),
                  describe(expected).c_str());
    }
    return ours;
  }

 private:
  const char* path_;
  const Image& image_;
  weir::UnwindTables tables_;
};

void compare_function(Comparison& comparison, Dwarf_CFI* cfi, std::uint64_t from, std::uint64_t next,
                      std::uint64_t bias) {
  for (std::uint64_t address = from; address < next;) {
    Dwarf_Frame* frame = nullptr;
    if (dwarf_cfi_addrframe(cfi, address, &frame) != 0) {
      comparison.at(address, RuleKind::kUnknown);
      return;
    }
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    bool signal;
    dwarf_frame_info(frame, &start, &end, &signal);
    if (end <= address || start > address) std::abort();
    ++comparison.tally.rows;
    const std::uint64_t middle = address + (end - address) / 2;
    for (const std::uint64_t probe : {address, middle, end - 1}) {
      const FrameRule ours = comparison.at(probe, expected_rule(frame, probe, bias));
      if (probe == address) ++comparison.tally.kinds[static_cast<unsigned>(ours.kind())];
      if (end - address == 1) break;
    }
    std::free(frame);
    address = end;
  }
}

void show(const Tally& t, const char* name) {
  std::printf("%9" PRIu64 " rows:", t.rows);
  for (unsigned i = 1; i < kKinds; ++i) {
    if (t.kinds[i] != 0) std::printf(" %" PRIu64 " %s", t.kinds[i], kKindNames[i]);
  }
  std::printf(", %" PRIu64 " different: %s\n", t.different, name);
  std::fflush(stdout);
}

// False when the file is not there or has no tables.
bool compare_file(const char* path, Tally& total) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  Elf* elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  bool done = false;
  if (elf != nullptr && elf_kind(elf) == ELF_K_ELF) {
    const Image image(fd, elf);
    Dwarf_CFI* cfi = image.has_tables() ? dwarf_getcfi_elf(elf) : nullptr;
    if (cfi != nullptr) {
      Comparison comparison(path, image);
      const std::set<std::uint64_t> functions = image.functions();
      for (auto f = functions.begin(); f != functions.end(); ++f) {
        const auto next = std::next(f);
        compare_function(comparison, cfi, *f, next != functions.end() ? *next : ~std::uint64_t{0},
                         image.bias());
      }
      if (!functions.empty()) comparison.at(*functions.begin() - 1, RuleKind::kUnknown);
      show(comparison.tally, path);
      total += comparison.tally;
      done = true;
      dwarf_cfi_end(cfi);
    }
  }
  elf_end(elf);
  close(fd);
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  elf_version(EV_CURRENT);
  Tally total;
  bool all_there = true;
  std::set<std::string> done;
  const auto compare = [&](const char* path) {
    char real[PATH_MAX];
    if (realpath(path, real) == nullptr || !compare_file(real, total)) return false;
    done.insert(real);
    return true;
  };
  for (const char* pattern : kFiles) {
    glob_t found{};
    if (glob(pattern, 0, nullptr, &found) != 0) std::printf("not here: %s\n", pattern);
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      char real[PATH_MAX];
      if (realpath(found.gl_pathv[i], real) != nullptr && done.count(real) != 0) continue;
      if (!compare(found.gl_pathv[i])) std::printf("no tables: %s\n", found.gl_pathv[i]);
    }
    globfree(&found);
  }
  for (int i = 1; i < argc; ++i) {
    if (compare(argv[i])) continue;
    std::printf("no tables: %s\n", argv[i]);
    all_there = false;
  }
  show(total, "all");
  if (total.rows < kLowestRows) std::printf("fewer rows than %" PRIu64 "\n", kLowestRows);
  return total.different == 0 && total.rows >= kLowestRows && all_there ? 0 : 1;
}
