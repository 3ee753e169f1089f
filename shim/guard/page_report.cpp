#include "shim/guard/page_report.hpp"

#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/damage.hpp"

namespace weir::pages {
namespace {

GuardMeta meta_of(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
}

// What lies in a freed block's pages, where the system has not got them back: it lets a process read its own
// memory whether or not it has access. False where it does not.
bool read_closed(const PageBlock& block, std::uint64_t from, std::uint64_t to, unsigned char* out) noexcept {
  if (!block.kept.load(std::memory_order_relaxed)) return false;
  const int fd = sys::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto bytes = static_cast<long>(to - from);
  const bool read = sys::call(SYS_pread64, fd, sys::as_word(out), bytes, static_cast<long>(from)) == bytes;
  sys::close(fd);
  return read;
}

}  // namespace

void describe(Incident& incident, const PageBlock& block) noexcept {
  FindingsIncident& f = incident.facts;
  f.block_address = block.start;
  f.block_bytes = block.bytes();
  f.block_alignment = block.alignment();
  f.made_by = call_of(block.header.family());
  f.generation = (process_generation - block.header.generation()) & 63;
  f.block_is_freed = block.is_live() ? 0 : 1;
  incident.allocated = {block.header.stack(), meta_of(block.made_meta), true};
  if (f.block_is_freed != 0) incident.freed = {block.freed_stack, meta_of(block.freed_meta), true};
}

void dump_around(Incident& incident, const PageBlock& block, std::uint64_t address) noexcept {
  constexpr std::uint64_t kBefore = 48;
  constexpr std::uint64_t kShown = 144;
  static_assert(kShown <= Incident::kMostDump);
  const bool live = block.is_live();
  const std::uint64_t start = (address & ~std::uint64_t{15}) - kBefore;
  const std::uint64_t from = start > block.pages_start() ? start : block.pages_start();
  const std::uint64_t to = start + kShown < block.pages_end() ? start + kShown : block.pages_end();
  if (from >= to) return;
  unsigned char closed[kShown] = {};
  if (live ? !is_readable(from) : !read_closed(block, from, to, closed + (from - start))) return;
  for (std::uint64_t i = 0; i < kShown; ++i) {
    const std::uint64_t at = start + i;
    unsigned char& byte = incident.dump[i];
    DumpMark& mark = incident.marks[i];
    const bool reads = at >= from && at < to && (!live || at % kPageSize != 0 || is_readable(at));
    byte = !reads ? 0 : live ? *reinterpret_cast<const volatile unsigned char*>(at) : closed[i];
    if (!reads) {
      mark = DumpMark::kUnreadable;
    } else if (at >= block.start && at < block.end()) {
      mark = DumpMark::kBlock;
    } else {
      mark = byte == canary_at(block, at) ? DumpMark::kCanary : DumpMark::kDamaged;
    }
  }
  incident.dump_start = start;
  incident.dump_bytes = kShown;
}

void report_access(PageBlock& block, const PageBlock* next, std::uint64_t address, IncidentAccess access,
                   StackId now) noexcept {
  Incident incident;
  FindingsIncident& f = incident.facts;
  f.occasion = IncidentOccasion::kAccess;
  f.access = access;
  f.address = address;
  incident.now = now;
  describe(incident, block);
  f.damage_offset = static_cast<std::int64_t>(address - block.start);
  f.kind = f.block_is_freed != 0   ? IncidentKind::kUseAfterFree
           : address < block.start ? IncidentKind::kUnderflow
                                   : IncidentKind::kOverflow;
  if (next != nullptr) {
    f.neighbour_address = next->start;
    f.neighbour_bytes = next->bytes();
    incident.neighbour = {next->header.stack(), meta_of(next->made_meta), true};
  }
  // What it is about to write to the block's own page is told by this.
  if (access == IncidentAccess::kWrite && address < block.pages_end()) {
    block.told.store(true, std::memory_order_relaxed);
  }
  dump_around(incident, block, address);
  report_incident(incident);
}

bool describe_damage(Incident& incident, const PageBlock& block, IncidentOccasion occasion,
                     IncidentCall call) noexcept {
  if (block.told.load(std::memory_order_relaxed)) return false;
  const PageDamage behind = damage_behind(block);
  const PageDamage damage = behind.count != 0 ? behind : damage_in_front(block);
  if (damage.count == 0) return false;
  FindingsIncident& f = incident.facts;
  f.kind = behind.count != 0 ? IncidentKind::kOverflow : IncidentKind::kUnderflow;
  f.occasion = occasion;
  f.access = IncidentAccess::kWrite;
  f.call = call;
  describe(incident, block);
  f.damage_offset = damage.first;
  f.damage_bytes = static_cast<std::uint64_t>(damage.last - damage.first) + 1;
  f.damaged_count = damage.count;
  f.address = block.start + static_cast<std::uint64_t>(damage.first);
  dump_around(incident, block, f.address);
  return true;
}

void report_bad_pointer(const PageBlock* block, const void* pointer, IncidentCall call,
                        StackId now) noexcept {
  Incident incident;
  FindingsIncident& f = incident.facts;
  f.kind = IncidentKind::kBadFree;
  f.place = IncidentPlace::kUnmapped;
  f.call = call;
  f.address = as_number(pointer);
  incident.now = now;
  if (block != nullptr) {
    describe(incident, *block);
    const bool freed = f.block_is_freed != 0;
    f.place = freed ? IncidentPlace::kInsideFreed : IncidentPlace::kInsideLive;
    f.damage_offset = static_cast<std::int64_t>(f.address - block->start);
    if (freed && f.address == block->start) {
      f.kind = IncidentKind::kDoubleFree;
      f.place = IncidentPlace::kBlock;
    }
    dump_around(incident, *block, f.address);
  }
  report_incident(incident);
}

}  // namespace weir::pages
