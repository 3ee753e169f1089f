// Unwind tables that are truncated or wrong: libc's, copied to where nothing lies on either side, and
// damaged. Whatever the answer, reading must end, and stay inside.
// (That whole tables are read rightly is tests/oracle's.)
#include "shim/unwind/cfi.hpp"

#include <gtest/gtest.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "core/pages.hpp"

namespace weir {
namespace {

// .eh_frame_hdr and .eh_frame of libc: one after the other in its file.
struct Source {
  std::uint64_t code_start = 0, code_end = 0;
  std::uint64_t start = 0, end = 0;
};

int look(dl_phdr_info* info, std::size_t, void* to) {
  if (!std::string_view(info->dlpi_name).ends_with("/libc.so.6")) return 0;
  auto& source = *static_cast<Source*>(to);
  const std::uint64_t bias = info->dlpi_addr;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME) source.start = bias + info->dlpi_phdr[i].p_vaddr;
  }
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& s = info->dlpi_phdr[i];
    if (s.p_type != PT_LOAD) continue;
    const std::uint64_t from = bias + s.p_vaddr;
    if ((s.p_flags & PF_X) != 0) source.code_start = from, source.code_end = from + s.p_memsz;
    if (source.start >= from && source.start < from + s.p_memsz) source.end = from + s.p_memsz;
  }
  return 1;
}

// A copy of those tables, between pages without access: what lies before or behind them is read by a crash.
// The code that they speak of lies as far before them as in libc, and is zero.
class Copy {
 public:
  Copy() {
    dl_iterate_phdr(look, &source_);
    source_.end &=
        ~std::uint64_t{15};  // so that the copy's addresses are libc's modulo 16, which PLT rules ask
    bytes_ = source_.end - source_.start;
    const std::size_t before = round_up(source_.start - source_.code_start, kPageSize) + 2 * kPageSize;
    const std::size_t tables = round_up(bytes_, kPageSize);
    around_ = before + tables + kPageSize;
    pages_ = static_cast<char*>(reserve_pages(around_));
    commit_pages(pages_, before - kPageSize);
    commit_pages(pages_ + before, tables);
    at_ = pages_ + before + tables - bytes_;
    whole_.assign(reinterpret_cast<const char*>(source_.start), bytes_);
    restore();
  }
  ~Copy() { unmap_pages(pages_, around_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  void restore() { std::memcpy(at_, whole_.data(), bytes_); }
  char* data() { return at_; }
  std::size_t bytes() const { return bytes_; }

  // Places of code in the copy's terms.
  std::uint64_t code(std::uint64_t offset) const { return moved(source_.code_start) + offset; }
  std::uint64_t code_bytes() const { return source_.code_end - source_.code_start; }
  std::uint64_t moved(std::uint64_t address) const {
    return address - source_.start + reinterpret_cast<std::uint64_t>(at_);
  }

  FrameRule ask(std::uint64_t address) const { return ask(address, bytes_); }
  FrameRule ask(std::uint64_t address, std::size_t bytes) const {
    const auto start = reinterpret_cast<std::uint64_t>(at_);
    return read_frame_rule({start, start + bytes, start}, address);
  }

  FrameRule original(std::uint64_t offset) const {
    return read_frame_rule({source_.start, source_.end, source_.start}, source_.code_start + offset);
  }

  // The entries of the table that is sorted by address: at 12, after version, encodings, pointer and count.
  std::uint32_t entries() const { return word(8); }
  char* fde(std::uint32_t entry) { return at_ + static_cast<std::int32_t>(word(12 + entry * 8 + 4)); }
  std::uint64_t start_of(std::uint32_t entry) const {
    return reinterpret_cast<std::uint64_t>(at_) + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                                                      static_cast<std::int32_t>(word(12 + entry * 8))));
  }

 private:
  std::uint32_t word(std::size_t offset) const {
    std::uint32_t value;
    std::memcpy(&value, whole_.data() + offset, sizeof value);
    return value;
  }

  Source source_;
  std::size_t bytes_ = 0, around_ = 0;
  char* pages_ = nullptr;
  char* at_ = nullptr;
  std::string whole_;
};

TEST(CorruptCfi, AWholeCopySaysWhatLibcSays) {
  Copy copy;
  ASSERT_GT(copy.bytes(), 50'000u);
  std::uint64_t standard = 0;
  for (std::uint64_t at = 0; at < copy.code_bytes(); at += 61) {
    const FrameRule rule = copy.ask(copy.code(at));
    if (rule.kind() == RuleKind::kSignal || copy.original(at).kind() == RuleKind::kSignal) continue;
    ASSERT_EQ(rule, copy.original(at)) << at;
    standard += rule.kind() == RuleKind::kStandard;
  }
  EXPECT_GT(standard, 10'000u);
}

TEST(CorruptCfi, TruncatedTablesAreReadToTheirEnd) {
  Copy copy;
  std::mt19937_64 random(31);
  std::uint64_t unknown = 0;
  for (int i = 0; i < 20'000; ++i) {
    // The tables' end moves, and the bytes with it: they end where memory ends.
    const std::size_t bytes = i < 64 ? static_cast<std::size_t>(i) : random() % copy.bytes();
    std::memmove(copy.data() + copy.bytes() - bytes, copy.data(), bytes);
    const auto start = reinterpret_cast<std::uint64_t>(copy.data() + copy.bytes() - bytes);
    const std::uint64_t shift = copy.bytes() - bytes;
    for (int n = 0; n < 4; ++n) {
      const FrameRule rule =
          read_frame_rule({start, start + bytes, start}, copy.code(random() % copy.code_bytes()) + shift);
      unknown += rule.kind() == RuleKind::kUnknown;
    }
    copy.restore();
    if (i == 2000) i = 19'000;
  }
  EXPECT_GT(unknown, 1000u);
}

TEST(CorruptCfi, FlippedBytesAreSurvived) {
  Copy copy;
  std::mt19937_64 random(32);
  std::uint64_t changed = 0;
  for (int round = 0; round < 300'000; ++round) {
    const auto entry = static_cast<std::uint32_t>(random() % copy.entries());
    const std::uint64_t address = copy.start_of(entry) + random() % 200;
    // In the entry that will be read, in the first and commonest CIE's surroundings, or in the header.
    char* const places[] = {copy.fde(entry), copy.fde(entry), copy.fde(0) - 64, copy.data()};
    char* place = places[random() % 4];
    place = std::max(place, copy.data());
    const std::size_t room =
        std::min<std::size_t>(64, static_cast<std::size_t>(copy.data() + copy.bytes() - place));
    char before[64];
    std::memcpy(before, place, room);
    const FrameRule right = copy.ask(address);
    for (auto flips = random() % 4 + 1; flips != 0; --flips)
      place[random() % (random() % 2 == 0 ? room : std::min<std::size_t>(room, 24))] =
          static_cast<char>(random());
    changed += copy.ask(address) != right;
    std::memcpy(place, before, room);
  }
  EXPECT_GT(changed, 10'000u);
}

// Small tables with one entry for [kCode, kCode + 100), between pages without access, made of what the test
// says. They lie low, as those of a program that is not position-independent:
// differences of addresses may wrap.
class Made {
 public:
  Made()
      : pages_(static_cast<char*>(
            mmap(reinterpret_cast<void*>(kPlace), 4 * kPageSize, PROT_NONE, kMapping, -1, 0))) {
    EXPECT_EQ(pages_, reinterpret_cast<char*>(kPlace));
    commit_pages(pages_ + kPageSize, kPageSize);
  }
  ~Made() { unmap_pages(pages_, 4 * kPageSize); }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  using Bytes = std::vector<std::uint8_t>;

  // The rule at the entry's tenth byte. `cie_tail` begins with the length of the augmentation's data.
  FrameRule ask(const Bytes& cie_tail, const Bytes& program, std::int64_t cie_distance = 0) const {
    Bytes cie{0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16};
    cie.insert(cie.end(), cie_tail.begin(), cie_tail.end());
    const auto fde_at = static_cast<std::uint32_t>(kCieAt + 4 + cie.size());
    Bytes all{1, 0x1b, 0x03, 0x3b};  // version; how the rest is written
    put(all, 0);                     // where .eh_frame is: not asked
    put(all, 1);                     // entries, sorted: code, FDE
    put(all, kCode);
    put(all, fde_at);
    put(all, static_cast<std::uint32_t>(cie.size()));
    all.insert(all.end(), cie.begin(), cie.end());
    put(all, static_cast<std::uint32_t>(4 + 4 + 4 + 1 + program.size()));
    put(all, static_cast<std::uint32_t>(fde_at + 4 - kCieAt + cie_distance));
    put(all, kCode - (fde_at + 8));
    put(all, 100);
    all.push_back(0);
    all.insert(all.end(), program.begin(), program.end());
    char* at = pages_ + 2 * kPageSize - all.size();
    std::memcpy(at, all.data(), all.size());
    const auto start = reinterpret_cast<std::uint64_t>(at);
    return read_frame_rule({start, start + all.size(), start}, start + kCode + 10);
  }

 private:
  static constexpr std::uint64_t kPlace = 0x1000'0000;
  static constexpr int kMapping = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  static constexpr std::uint32_t kCode = 5000;
  static constexpr std::uint32_t kCieAt = 20;
  static void put(Bytes& to, std::uint32_t word) {
    for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(word >> 8 * i));
  }
  char* pages_;
};

const Made::Bytes kPlainCie{1, 0x1b, 0x0c, 7, 8, 0x90, 1};  // length, R; def_cfa rsp 8; offset ra 1

TEST(CorruptCfi, MadeTablesAreRead) {
  EXPECT_EQ(Made().ask(kPlainCie, {0x0e, 24}), FrameRule(RuleKind::kStandard, false, 24));
  EXPECT_EQ(Made().ask(kPlainCie, {0x0e, 16, 0x86, 2}),
            FrameRule(RuleKind::kStandard, false, 16).with_bp_slot(-16));
}

TEST(CorruptCfi, NumbersThatOverflowAreNoPlaces) {
  const Made made;
  // def_cfa_offset 24, then what is said of rbp with numbers of ten bytes.
  const Made::Bytes huge{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01};
  for (const int op : {0x86, 0x05, 0x11, 0x12, 0x13, 0x0c, 0x0e, 0x0f, 0x10, 0x16}) {
    Made::Bytes program{0x0e, 24, static_cast<std::uint8_t>(op)};
    if (op == 0x05 || op == 0x11 || op == 0x12 || op == 0x0c || op == 0x10 || op == 0x16)
      program.push_back(6);
    program.insert(program.end(), {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01});
    made.ask(kPlainCie, program);
    Made::Bytes all_ones(program.begin(), program.end() - 10);
    all_ones.insert(all_ones.end(), huge.begin(), huge.end() - 1);
    made.ask(kPlainCie, all_ones);
  }
}

TEST(CorruptCfi, ACieIsNotWhereNoneCanBe) {
  const Made made;
  for (const std::int64_t distance : {-100'000ll, -5000ll, -1ll, 1ll, 5000ll, 0x7fffffffll, -0x11000000ll})
    EXPECT_EQ(made.ask(kPlainCie, {0x0e, 24}, distance).kind(), RuleKind::kUnknown) << distance;
}

TEST(CorruptCfi, AnAugmentationsLengthDoesNotLeadOutside) {
  const Made made;
  // -10000 as an unsigned LEB128: the program would begin before the tables.
  Made::Bytes cie{0xf0, 0xb1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  cie.insert(cie.end(), kPlainCie.begin() + 1, kPlainCie.end());
  EXPECT_EQ(made.ask(cie, {0x0e, 24}).kind(), RuleKind::kUnknown);
}

}  // namespace
}  // namespace weir
