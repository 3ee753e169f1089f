#include "shim/guard/damage.hpp"

#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/readable.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/fill.hpp"
#include "shim/guard/quarantine.hpp"
#include "shim/leak/findings_file.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir {
namespace {

// How far a record may be from its block's header when that is to be found again; a block larger than this that lost
// its header is not named.
constexpr std::uint64_t kFarthestRecord = std::uint64_t{256} << 20;

// Asks the kernel once a page.
class Reader {
 public:
  bool can_read(std::uint64_t at) noexcept {
    const std::uint64_t page = at & ~(kPageSize - 1);
    if (page != page_) {
      page_ = page;
      readable_ = is_readable(page);
    }
    return readable_;
  }

 private:
  std::uint64_t page_ = 1;
  bool readable_ = false;
};

// What a byte at an address should be, where the guard wrote it.
class Expected {
 public:
  explicit Expected(const GuardHeader* header) noexcept : header_(header) {
    if (header == nullptr) return;
    block_ = as_number(header->block());
    end_ = as_number(header->end());
    freed_ = !header->base.is_live();
    word_ = header->canary_word();
    record_ = header->record_word();
  }

  DumpMark mark(std::uint64_t at) const noexcept {
    if (header_ == nullptr || at < as_number(header_) || at >= end_) return DumpMark::kOther;
    if (at < block_ - 16) return DumpMark::kCanary;
    if (at < block_ - 8) return header_->meta_is_whole() ? DumpMark::kCanary : DumpMark::kDamaged;
    if (freed_) return mark_freed(at);
    if (at < block_) return same(at, word_) ? DumpMark::kCanary : DumpMark::kDamaged;
    if (at < block_ + header_->bytes()) return DumpMark::kBlock;
    return same(at, at < end_ - kRecordBytes ? word_ : record_) ? DumpMark::kCanary : DumpMark::kDamaged;
  }

 private:
  static unsigned char byte_at(std::uint64_t at) noexcept {
    return *reinterpret_cast<const volatile unsigned char*>(at);
  }
  static bool same(std::uint64_t at, std::uint64_t word) noexcept {
    return byte_at(at) == static_cast<unsigned char>(word >> (at & 7) * 8);
  }
  DumpMark mark_freed(std::uint64_t at) const noexcept {
    if (at < block_) return header_->freed_is_whole() ? DumpMark::kCanary : DumpMark::kDamaged;
    if (is_filled(at - block_) && byte_at(at) != options.free_fill_byte) return DumpMark::kDamaged;
    return at < block_ + header_->bytes() ? DumpMark::kBlock : DumpMark::kCanary;
  }

  bool is_filled(std::uint64_t offset) const noexcept {
    return !quarantine::for_filled(*header_, [&](std::size_t start, std::size_t bytes) {
      return offset - start >= bytes;  // ends the search where it lies in the run
    });
  }

  const GuardHeader* header_;
  std::uint64_t block_ = 0, end_ = 0;
  std::uint64_t word_ = 0, record_ = 0;
  bool freed_ = false;
};

void set_damage(Incident& incident, const GuardHeader& header, const char* first, const char* last,
                std::uint64_t count) noexcept {
  incident.facts.address = as_number(first);
  incident.facts.damage_offset = first - header.block();
  incident.facts.damage_bytes = static_cast<std::uint64_t>(last - first) + 1;
  incident.facts.damaged_count = count;
}

// The damaged bytes between two addresses, all of which can be read.
void measure_damage(Incident& incident, const GuardHeader& header, const char* from,
                    const char* to) noexcept {
  const Expected expected(&header);
  const char* first = nullptr;
  const char* last = nullptr;
  std::uint64_t count = 0;
  for (; from != to; ++from) {
    if (expected.mark(as_number(from)) != DumpMark::kDamaged) continue;
    if (first == nullptr) first = from;
    last = from;
    ++count;
  }
  if (first != nullptr) set_damage(incident, header, first, last, count);
}

// The same of a freed block's fill, which may be large: only what is filled is looked at.
void measure_fill(Incident& incident, const GuardHeader& header) noexcept {
  const auto with = static_cast<unsigned char>(options.free_fill_byte);
  const char* first = nullptr;
  const char* last = nullptr;
  std::uint64_t count = 0;
  quarantine::for_filled(header, [&](std::size_t offset, std::size_t bytes) {
    const char* const run = header.block() + offset;
    for (std::size_t i = first_change(run, bytes, with); i < bytes; ++i) {
      if (static_cast<unsigned char>(run[i]) == with) continue;
      if (first == nullptr) first = run + i;
      last = run + i;
      ++count;
    }
    return true;
  });
  if (first != nullptr) set_damage(incident, header, first, last, count);
}

// The live block in front, when it was written past its end: then a long overflow came from there.
const GuardHeader* damaged_neighbour(const char* header) noexcept {
  constexpr std::uint64_t kReach = std::uint64_t{64} << 10;
  const GuardHeader* before = header_before(header - 16, kReach);
  if (before == nullptr || !before->base.is_live() || before->end() > header) return nullptr;
  const auto* canary = reinterpret_cast<const std::uint64_t*>(before->end()) - 2;
  return check_word_behind(canary) == 0 ? before : nullptr;
}

void look_for_neighbour(Incident& incident, const char* header) noexcept {
  const GuardHeader* before = damaged_neighbour(header);
  if (before == nullptr) return;
  incident.facts.neighbour_address = as_number(before->block());
  incident.facts.neighbour_bytes = before->bytes();
  incident.neighbour = {before->stack(), before->made(), true};
}

// Whether a block from `block` to `end` had this check_word; then its header is written to `rest`.
bool was_header(const char* block, const char* end, std::uint64_t check_word, BlockHeader& rest) noexcept {
  const auto* place = reinterpret_cast<const BlockHeader*>(block - kGuardHeaderBytes);
  const auto span = static_cast<std::uint64_t>(end - block);
  if (span < kLeastCanary + kRecordBytes) return false;
  const std::uint64_t most = span - kLeastCanary - kRecordBytes;
  const auto stack = static_cast<StackId>(check_word >> 36);
  constexpr Family kFamilies[] = {Family::kMalloc,  Family::kNew,     Family::kNewArray,     Family::kCalloc,
                                  Family::kRealloc, Family::kAligned, Family::kPosixMemalign};
  for (std::uint64_t less = 0; less < 16 && less <= most; ++less) {
    for (const Family family : kFamilies) {
      // Alignments beyond 16 only where the block has one.
      for (unsigned shift = 4; shift < 22 && as_number(block) % (std::uint64_t{1} << shift) == 0; ++shift) {
        const std::uint64_t size_word = (most - less) | static_cast<std::uint64_t>(shift) << 48 |
                                        static_cast<std::uint64_t>(family) << 54 |
                                        static_cast<std::uint64_t>(process_generation & 63) << 58;
        if (place->check_word_for(size_word, stack) != check_word) continue;
        rest = {size_word, check_word};
        return true;
      }
    }
  }
  return false;
}

}  // namespace

IncidentCall call_of(Family family) noexcept {
  switch (family) {
    case Family::kMalloc:
      return IncidentCall::kMalloc;
    case Family::kNew:
      return IncidentCall::kNew;
    case Family::kNewArray:
      return IncidentCall::kNewArray;
    case Family::kAligned:
      return IncidentCall::kMemalign;
    case Family::kCalloc:
      return IncidentCall::kCalloc;
    case Family::kRealloc:
      return IncidentCall::kRealloc;
    case Family::kPosixMemalign:
      return IncidentCall::kPosixMemalign;
    case Family::kOwn:
      break;
  }
  return IncidentCall::kNone;
}

void describe_block(Incident& incident, const GuardHeader& header) noexcept {
  FindingsIncident& f = incident.facts;
  f.block_address = as_number(header.block());
  f.block_bytes = header.bytes();
  f.block_alignment = header.alignment();
  f.route = rule_number_of(header.block());
  f.made_by = call_of(header.family());
  f.generation = (process_generation - header.base.generation()) & 63;
  const BlockStage stage = header.stage();
  f.block_is_freed = stage == BlockStage::kFreed || stage == BlockStage::kGone ? 1 : 0;
  incident.allocated = {header.stack(), header.made(), true};
  if (f.block_is_freed != 0) incident.freed = {header.freed_by(), header.freed_when(), true};
  if (f.block_is_freed != 0) f.freed_by = header.freed_call();
}

void dump_around(Incident& incident, const GuardHeader* header, const char* from) noexcept {
  constexpr std::uint64_t kBefore = 48;
  constexpr std::uint64_t kShown = 144;
  static_assert(kShown <= Incident::kMostDump);
  std::uint64_t start = as_number(from) & ~std::uint64_t{15};
  start = start > kBefore ? start - kBefore : 0;
  incident.dump_start = start;
  incident.dump_bytes = kShown;
  const Expected expected(header);
  Reader reader;
  for (std::uint64_t i = 0; i < kShown; ++i) {
    const std::uint64_t at = start + i;
    const bool readable = reader.can_read(at);
    incident.dump[i] = readable ? *reinterpret_cast<const volatile unsigned char*>(at) : 0;
    incident.marks[i] = readable ? expected.mark(at) : DumpMark::kUnreadable;
  }
}

bool freed_block_is_whole(const GuardHeader& header) noexcept {
  if (!header.freed_is_whole()) return false;
  const auto with = static_cast<unsigned char>(options.free_fill_byte);
  return quarantine::for_filled(header, [&](std::size_t offset, std::size_t bytes) {
    return first_change(header.block() + offset, bytes, with) == kNoDamage;
  });
}

void describe_freed_block(Incident& incident, const GuardHeader& header, IncidentOccasion occasion) noexcept {
  incident.facts.kind = IncidentKind::kUseAfterFree;
  incident.facts.access = IncidentAccess::kWrite;
  incident.facts.occasion = occasion;
  if (header.stage() == BlockStage::kGone || header.stage() == BlockStage::kLive) {
    // It came into the quarantine twice: two threads freed it at one moment, and the second mask took the
    // first away.
    incident.facts.kind = IncidentKind::kDoubleFree;
    incident.facts.call = header.freed_call();
    incident.facts.address = as_number(header.block());
    describe_block(incident, header);
    return dump_around(incident, &header, header.block());
  }
  if (header.stage() == BlockStage::kNone) {
    // Written over its header: all that is left to name is where it was.
    incident.facts.block_address = incident.facts.address = as_number(header.block());
    incident.facts.block_is_freed = 1;
    incident.facts.damage_offset = -static_cast<std::int64_t>(kGuardHeaderBytes);
    incident.facts.damage_bytes = incident.facts.damaged_count = kGuardHeaderBytes;
    look_for_neighbour(incident, reinterpret_cast<const char*>(&header));
    dump_around(incident, nullptr, header.block());
    return;
  }
  describe_block(incident, header);
  measure_damage(incident, header, header.block() - 16, header.block());
  if (incident.facts.damaged_count == 0) measure_fill(incident, header);
  dump_around(incident, &header, reinterpret_cast<const char*>(incident.facts.address));
}

void describe_live_block(Incident& incident, const GuardHeader& header, IncidentOccasion occasion,
                         IncidentCall call, StackId now) noexcept {
  incident.facts.access = IncidentAccess::kWrite;
  incident.facts.occasion = occasion;
  incident.facts.call = call;
  incident.now = now;
  describe_block(incident, header);
  incident.facts.kind = IncidentKind::kOverflow;
  measure_damage(incident, header, header.block() + header.bytes(), header.end());
  if (incident.facts.damaged_count == 0) {
    incident.facts.kind = IncidentKind::kUnderflow;
    measure_damage(incident, header, header.block() - 16, header.block());
    look_for_neighbour(incident, reinterpret_cast<const char*>(&header));
  }
  dump_around(incident, &header, reinterpret_cast<const char*>(incident.facts.address));
}

void describe_lost_header(Incident& incident, const char* block, const BlockHeader& rest,
                          IncidentOccasion occasion, IncidentCall call, StackId now) noexcept {
  const auto* header = reinterpret_cast<const unsigned char*>(block - kGuardHeaderBytes);
  if (const GuardHeader* before = damaged_neighbour(reinterpret_cast<const char*>(header))) {
    return describe_live_block(incident, *before, occasion, call, now);
  }
  FindingsIncident& f = incident.facts;
  f.kind = IncidentKind::kUnderflow;
  f.access = IncidentAccess::kWrite;
  f.occasion = occasion;
  f.call = call;
  incident.now = now;
  f.block_address = as_number(block);
  f.block_bytes = rest.bytes();
  f.block_alignment = rest.offset();
  f.made_by = call_of(rest.family());
  f.route = rule_number_of(block);
  const auto* guard = reinterpret_cast<const GuardHeader*>(header);
  incident.allocated = {rest.stack(), guard->meta_is_whole() ? guard->made() : GuardMeta{}, true};
  // From the first byte that is not as it was; what lies before the header is not the block's.
  const GuardHeader was{rest, 0, GuardHeader::canary_of(rest.check_word)};
  unsigned char expected[kGuardHeaderBytes];
  std::memcpy(expected, &was, sizeof expected);
  unsigned first = kGuardHeaderBytes;
  unsigned last = 0;
  unsigned count = 0;
  for (unsigned i = 0; i < kGuardHeaderBytes; ++i) {
    // Which bytes of meta have changed can't be told.
    const bool meta = i >= 16 && i < 24;
    if (meta ? guard->meta_is_whole() : header[i] == expected[i]) continue;
    if (first == kGuardHeaderBytes) first = i;
    last = i;
    ++count;
  }
  f.damage_offset = static_cast<std::int64_t>(first) - static_cast<std::int64_t>(kGuardHeaderBytes);
  f.damage_bytes = last - first + 1;
  f.damaged_count = count;
  f.address = as_number(header + first);
  dump_around(incident, nullptr, reinterpret_cast<const char*>(header));
  for (unsigned i = 0; i < incident.dump_bytes; ++i) {
    const std::uint64_t at = incident.dump_start + i;
    if (incident.marks[i] == DumpMark::kUnreadable) continue;
    if (at - as_number(block) < f.block_bytes) incident.marks[i] = DumpMark::kBlock;
    if (at - f.address < f.damage_bytes) incident.marks[i] = DumpMark::kDamaged;
  }
}

std::uint64_t check_word_behind(const std::uint64_t* canary) noexcept {
  constexpr std::uint64_t kFixed = 0xc1c1c1c1c1c1c1c1u;
  if ((canary[0] & kFixed) != 0x8181818181818181u) return 0;
  const std::uint64_t check_word = canary[1] ^ GuardHeader::kRecordKey;
  return GuardHeader::canary_of(check_word) == canary[0] ? check_word : 0;
}

bool recover_header(const char* block, BlockHeader& rest) noexcept {
  Reader reader;
  for (const char* at = block; as_number(at) - as_number(block) < kFarthestRecord; at += 16) {
    if (!reader.can_read(as_number(at)) || !heap_zone.holds(at)) return false;
    if (reinterpret_cast<const BlockHeader*>(at)->is_live()) return false;  // the next block
    const std::uint64_t check_word = check_word_behind(reinterpret_cast<const std::uint64_t*>(at));
    if (check_word != 0 && was_header(block, at + 16, check_word, rest)) return true;
  }
  return false;
}

const char* recover_block(const std::uint64_t* record, BlockHeader& rest) noexcept {
  // Blocks of more than kSmall are runs of pages, in which the parent places them by 64 bytes, and the block so by 32.
  constexpr std::uint64_t kSmall = std::uint64_t{64} << 10;
  const char* const end = reinterpret_cast<const char*>(record + 1);
  const std::uint64_t check_word = *record ^ GuardHeader::kRecordKey;
  Reader reader;
  const char* block = end - 16;
  while (static_cast<std::uint64_t>(end - block) < kFarthestRecord) {
    if (!heap_zone.holds(block - kGuardHeaderBytes) || !reader.can_read(as_number(block - kGuardHeaderBytes)))
      break;
    if (GuardHeader::of(block)->base.is_live()) break;  // the block in front
    if (was_header(block, end, check_word, rest)) return block;
    const bool is_large = static_cast<std::uint64_t>(end - block) >= kSmall && !is_routed(as_number(block));
    block -= !is_large ? 16 : as_number(block) % 32 == 0 ? 32 : 16;
  }
  return nullptr;
}

const GuardHeader* header_before(const char* at, std::uint64_t reach) noexcept {
  Reader reader;
  const char* const lowest = as_number(at) > reach ? at - reach : nullptr;
  for (at = reinterpret_cast<const char*>(as_number(at) & ~std::uint64_t{15}); at > lowest; at -= 16) {
    if (!heap_zone.holds(at) || !reader.can_read(as_number(at))) return nullptr;
    const auto* header = reinterpret_cast<const GuardHeader*>(at);
    if (header->base.check_word != 0 && header->stage() != BlockStage::kNone) return header;
  }
  return nullptr;
}

}  // namespace weir
