#include "shim/guard/heap_check.hpp"

#include <atomic>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/word_map.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/damage.hpp"
#include "shim/guard/light_heap.hpp"
#include "shim/guard/page_report.hpp"
#include "shim/guard/quarantine.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/memory_map.hpp"

namespace weir {
namespace {

// What was found, described while all stood still: a report takes locks that others may hold.
constexpr unsigned kMostFound = 64;
struct Found {
  Incident incident;
  const GuardHeader* header;  // nullptr: of a block on pages
  bool is_live;
};
Found found[kMostFound];
constinit unsigned found_count = 0;
constinit std::uint64_t found_more = 0;
constinit bool some_went_on =
    false;  // threads that did not stand still: what they did meanwhile is no damage

// Blocks whose damage was reported by an earlier check; they are not told again.
constinit WordMap told;

bool is_news(const void* block) noexcept {
  const auto key = reinterpret_cast<std::uint64_t>(block);
  if (told.find(key) != 0) return false;
  told.insert(key, 1);
  if (found_count < kMostFound) return true;
  ++found_more;
  return false;
}

// Else it was undone by the time that it was looked at closely: a thread was at it that did not stand still.
void keep_if_damaged(const Found& f) noexcept {
  if (f.incident.facts.damaged_count != 0) ++found_count;
}

bool is_still_damaged(const Found& f) noexcept {
  if (f.header == nullptr || !some_went_on) return true;
  const BlockStage stage = f.header->stage();
  if (f.is_live) return stage == BlockStage::kLive && !f.header->is_whole();
  if (stage == BlockStage::kNone) return !f.header->is_changing();
  return stage == BlockStage::kFreed && !freed_block_is_whole(*f.header);
}

class HeapWalk {
 public:
  explicit HeapWalk(IncidentOccasion occasion) noexcept : occasion_(occasion) {}

  void walk(std::uint64_t start, std::uint64_t end) noexcept {
    std::uint64_t at = start > skip_to_ ? start : skip_to_;
    for (; at + kGuardHeaderBytes <= end; at += 16) {
      const auto* words = reinterpret_cast<const std::uint64_t*>(at);
      if (words[1] == 0) continue;
      const auto* header = reinterpret_cast<const GuardHeader*>(at);
      if (header->base.is_live()) {
        ++blocks_;
        skip_to_ = reinterpret_cast<std::uint64_t>(header->end());
        if (__builtin_expect(!header->is_whole(), 0)) add_live(*header);
        at = skip_to_ - 16;
      } else if (__builtin_expect(check_word_behind(words) != 0, 0)) {
        add_lost(words + 1);
      }
    }
  }

  std::uint64_t blocks() const noexcept { return blocks_; }

 private:
  void add_live(const GuardHeader& header) const noexcept {
    if (!is_news(header.block())) return;
    Found& f = found[found_count] = {Incident(), &header, true};
    describe_live_block(f.incident, header, occasion_, IncidentCall::kNone, 0);
    keep_if_damaged(f);
  }
  void add_lost(const std::uint64_t* record) const noexcept {
    BlockHeader rest{};
    const char* block = recover_block(record, rest);
    if (block == nullptr) return;
    // On its way from one state to another when its thread was stopped.
    const GuardHeader& header = *GuardHeader::of(block);
    if (header.is_changing() || header.stage() != BlockStage::kNone || !is_news(block)) return;
    Found& f = found[found_count] = {Incident(), &header, false};
    describe_lost_header(f.incident, block, rest, occasion_, IncidentCall::kNone, 0);
    // Else the block in front was found already: the same bytes.
    if (f.incident.facts.kind != IncidentKind::kOverflow) keep_if_damaged(f);
  }

  IncidentOccasion occasion_;
  std::uint64_t skip_to_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace

void look_for_damage(IncidentOccasion occasion, bool some_run) noexcept {
  some_went_on = some_run;
  found_count = 0;
  const std::uint64_t began = sys::now_ns();
  const MemoryMap map = read_memory_map();
  PageMap pages;
  HeapWalk walk(occasion);
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const Mapping& m = map.mappings[i];
    if (light::in_use || !m.writable || !m.readable || !heap_zone.holds(reinterpret_cast<void*>(m.start)))
      continue;
    pages.for_touched_pages(m.start, m.end,
                            [&](std::uint64_t start, std::uint64_t end) { walk.walk(start, end); });
  }
  release_memory_map(map);
  // A thread that runs on may free such a block while it is read. Where this is the process's end it stays.
  const bool ends = occasion == IncidentOccasion::kExit || occasion == IncidentOccasion::kCrash;
  if (some_run && ends) pages::keep_mapped.store(true, std::memory_order_seq_cst);
  pages::for_each_live([&](pages::PageBlock& block) {
    if (found_count == kMostFound || (some_run && !ends)) return;
    Found& f = found[found_count] = {Incident(), nullptr, true};
    if (!pages::describe_damage(f.incident, block, occasion, IncidentCall::kNone)) return;
    block.told.store(true, std::memory_order_relaxed);
    ++found_count;
  });
  quarantine::for_each([&](GuardHeader* header) {
    if (freed_block_is_whole(*header) || !is_news(header->block())) return;
    Found& f = found[found_count] = {Incident(), header, false};
    describe_freed_block(f.incident, *header, occasion);
    if (f.incident.facts.kind == IncidentKind::kUseAfterFree) keep_if_damaged(f);
  });
  if (options.verbosity < 2) return;
  const std::uint64_t took = (sys::now_ns() - began) / 1000;
  Line().text("weir: checked ").number(walk.blocks()).text(" blocks in ").number(took).text(" us").say();
}

namespace {

bool report_found() noexcept {
  const unsigned count = found_count;
  found_count = 0;
  count_unreported(found_more);
  found_more = 0;
  bool any = false;
  for (unsigned i = 0; i < count; ++i) {
    if (!is_still_damaged(found[i])) continue;
    any = true;
    report_one_of_several(found[i].incident);
  }
  return any;
}

}  // namespace

bool report_found_damage() noexcept {
  const bool any = report_found();
  if (any) end_as_asked();
  return any;
}

bool check_heap(IncidentOccasion occasion) noexcept {
  const bool last = occasion == IncidentOccasion::kExit;
  if (!(last ? wait_for_freeze() : take_freeze())) return false;
  const FreezeEnd end = last ? FreezeEnd::kProcessEnds : FreezeEnd::kGoesOn;
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms, end);
  look_for_damage(occasion, others.silent != 0);
  release_threads();
  const bool any = report_found_damage();
  give_freeze();
  return any;
}

void check_heap_at_crash(StackId now, int signal_number) noexcept {
  if (!take_freeze()) return;
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms);
  look_for_damage(IncidentOccasion::kCrash, others.silent != 0);
  release_threads();
  for (unsigned i = 0; i < found_count; ++i) {
    found[i].incident.now = now;
    found[i].incident.facts.signal = static_cast<std::uint32_t>(signal_number);
  }
  report_found();
  give_freeze();
}

void check_heap_when_due() noexcept {
  static constinit std::atomic<std::uint64_t> next{0};
  const std::uint64_t now = sys::now_ns();
  std::uint64_t due = next.load(std::memory_order_relaxed);
  if (now < due) return;
  const std::uint64_t later = now + options.check_period_ms * 1'000'000;
  if (!next.compare_exchange_strong(due, later, std::memory_order_relaxed) || due == 0) return;
  check_heap(IncidentOccasion::kPeriodic);
}

}  // namespace weir
