// Knows every live block: size, alignment, caller, number, time; and who gives back what is not one.
//
// The records lie in memory of a second allocator (by default, pages), so that the one below sees exactly the
// program's requests. A block that cannot be recorded is not handed out: what is not in the records is
// unknown for certain. Unknown blocks are reported and go no further; a wrong layout is reported and the
// right one used. One lookup a call, constant on average. Not thread-safe. After the reset of an arena below,
// call forget_live().
#pragma once

#include "clock.hpp"
#include "misuse.hpp"
#include "records.hpp"
#include "usage.hpp"
#include "wrapper.hpp"

namespace weir {

struct LiveBlock {
  std::uintptr_t key = 0;
  Layout layout;
  CallerAddress caller = nullptr;  // that allocated it
  std::uint64_t number = 0;        // of the allocation, from 1 on
  std::uint64_t time = 0;          // of the allocation

  const void* address() const noexcept { return reinterpret_cast<const void*>(key); }
};

template <Allocator A, Allocator R = PageAllocator>
class Tracking : public Wrapper<A> {
 public:
  explicit Tracking(A& below, MisuseHandler handler = {},
                    Clock clock = {}) noexcept requires std::same_as<R, PageAllocator>
      : Tracking(below, page_allocator, handler, clock) {}
  Tracking(A& below, R& records, MisuseHandler handler, Clock clock = {}) noexcept
      : Wrapper<A>(below), records_(records), handler_(handler), clock_(clock) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    if (!records_.reserve(caller)) {
      return nullptr;
    }
    void* block = this->below_.allocate(layout, caller);
    if (block != nullptr) {
      forget(block);
      usage_.allocated(layout.bytes);
      records_.insert({address_of(block), layout, caller, usage_.allocations, clock_()});
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    LiveBlock* record = find(block, layout, caller);
    if (record == nullptr || !this->below_.resize(block, record->layout, bytes, caller)) {
      return false;
    }
    usage_.resized(record->layout.bytes, bytes);
    record->layout.bytes = bytes;
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    LiveBlock* record = find(block, layout, caller);
    void* moved = record != nullptr ? this->below_.remap(block, record->layout, bytes, caller) : nullptr;
    if (moved != nullptr) {
      LiveBlock now = records_.take(record);
      usage_.resized(now.layout.bytes, bytes);
      forget(moved);
      now.key = address_of(moved);
      now.layout.bytes = bytes;
      records_.insert(now);
    }
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    if (LiveBlock* record = find(block, layout, caller)) {
      const LiveBlock gone = records_.take(record);
      usage_.freed(gone.layout.bytes);
      this->below_.deallocate(block, gone.layout, caller);
    }
  }

  const Usage& usage() const noexcept { return usage_; }
  const LiveBlock* find_live(const void* block) noexcept { return records_.find(block); }

  const LiveBlock* any_live() noexcept { return records_.any(); }

  // The live blocks in the order in which they were allocated: at the end, the leaks.
  template <typename F>
  void for_each_live(F&& f) const noexcept {
    records_.for_each_sorted(
        [](const LiveBlock& a, const LiveBlock& b) noexcept { return a.number < b.number; }, f);
  }

  template <typename F>
  void for_each_in_no_order(F&& f) const noexcept {
    records_.for_each(f);
  }

  // Tells `handler` of each live block, and answers how many there are.
  std::size_t report_leaks(MisuseHandler handler) const noexcept {
    for_each_live([&handler](const LiveBlock& block) noexcept {
      handler({MisuseKind::leak, block.address(), {}, block.layout, 0, nullptr, block.caller, nullptr});
    });
    return records_.size();
  }

  // All that is live is gone, by other ways than deallocate.
  void forget_live() noexcept {
    records_.clear();
    usage_.frees = usage_.allocations;
    usage_.live_bytes = 0;
  }

 private:
  // The record of a block that a caller names, when it is one; what is wrong with the call is reported.
  LiveBlock* find(const void* block, Layout given, CallerAddress caller) noexcept {
    LiveBlock* record = records_.find(block);
    if (record == nullptr) {
      handler_({MisuseKind::unknown_block, block, given, {}, 0, caller, nullptr, nullptr});
      return nullptr;
    }
    const Layout known = record->layout;
    if (given.bytes != known.bytes) {
      handler_({MisuseKind::wrong_size, block, given, known, 0, caller, record->caller, nullptr});
    }
    if (given.alignment != known.alignment) {
      handler_({MisuseKind::wrong_alignment, block, given, known, 0, caller, record->caller, nullptr});
    }
    return record;
  }

  // What is below hands out an address again that was not given back here: it was reset.
  void forget(const void* block) noexcept {
    if (LiveBlock* stale = records_.find(block)) {
      usage_.freed(records_.take(stale).layout.bytes);
    }
  }

  Records<LiveBlock, R> records_;
  MisuseHandler handler_;
  Clock clock_;
  Usage usage_;
};

}  // namespace weir
