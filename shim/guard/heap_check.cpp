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

constinit std::atomic<bool> checking{false};

// What was found, described while all stood still: a report takes locks that others may hold.
constexpr unsigned kMostFound = 64;
Incident found[kMostFound];
constinit unsigned found_count = 0;
constinit std::uint64_t found_more = 0;

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
    describe_live_block(found[found_count++] = Incident(), header, occasion_, IncidentCall::kNone, 0);
  }
  void add_lost(const std::uint64_t* record) const noexcept {
    BlockHeader rest;
    const char* block = recover_block(record, rest);
    if (block == nullptr) return;
    // On its way from one state to another when its thread was stopped.
    const GuardHeader& header = *GuardHeader::of(block);
    if (header.is_changing() || header.stage() != BlockStage::kNone || !is_news(block)) return;
    Incident& incident = found[found_count++] = Incident();
    describe_lost_header(incident, block, rest, occasion_, IncidentCall::kNone, 0);
    // The block in front was found already: the same bytes.
    if (incident.facts.kind == IncidentKind::kOverflow) --found_count;
  }

  IncidentOccasion occasion_;
  std::uint64_t skip_to_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace

void look_for_damage(IncidentOccasion occasion) noexcept {
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
  pages::for_each_live([&](pages::PageBlock& block) {
    if (found_count == kMostFound) return;
    Incident& incident = found[found_count] = Incident();
    if (!pages::describe_damage(incident, block, occasion, IncidentCall::kNone)) return;
    block.told.store(true, std::memory_order_relaxed);
    ++found_count;
  });
  quarantine::for_each([&](GuardHeader* header) {
    if (freed_block_is_whole(*header) || !is_news(header->block())) return;
    describe_freed_block(found[found_count++] = Incident(), *header, occasion);
  });
  if (options.verbosity < 2) return;
  const std::uint64_t took = (sys::now_ns() - began) / 1000;
  Line().text("weir: checked ").number(walk.blocks()).text(" blocks in ").number(took).text(" us").say();
}

bool report_found_damage() noexcept {
  const unsigned count = found_count;
  found_count = 0;
  count_unreported(found_more);
  found_more = 0;
  for (unsigned i = 0; i < count; ++i) report_one_of_several(found[i]);
  if (count != 0) end_as_asked();
  return count != 0;
}

bool check_heap(IncidentOccasion occasion) noexcept {
  if (checking.exchange(true, std::memory_order_acquire)) return false;
  freeze_threads(options.freeze_timeout_ms);
  look_for_damage(occasion);
  release_threads();
  const bool any = report_found_damage();
  checking.store(false, std::memory_order_release);
  return any;
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
