// Holds back what was freed, so that a write after free is seen and an address is not soon used again.
//
// A block given back is filled with 0xDD and goes below only when the budget of blocks or bytes is exceeded,
// the oldest first; then, and by check_all(), the pattern is looked at. While it is held, giving it back
// again or changing its size is reported as a double free. A block larger than the budget goes below at once.
// The ring and the records lie in memory of a second allocator; without memory for them nothing is held. A
// call is constant on average, and linear in the size of the blocks. Not thread-safe. After the reset of an
// arena below, call forget_held().
#pragma once

#include <cstring>

#include "misuse.hpp"
#include "records.hpp"
#include "wrapper.hpp"

namespace weir {

struct QuarantineBudget {
  std::size_t blocks = 1024;
  std::size_t bytes = std::size_t{1} << 20;
};

struct FreedBlock {
  std::uintptr_t key = 0;
  Layout layout;
  CallerAddress caller = nullptr;  // that freed it

  unsigned char* address() const noexcept { return reinterpret_cast<unsigned char*>(key); }
};

template <Allocator A, Allocator R = PageAllocator>
class Quarantine : public Wrapper<A> {
 public:
  static constexpr unsigned char kFreed = 0xDD;

  explicit Quarantine(A& below, MisuseHandler handler = {},
                      QuarantineBudget budget = {}) noexcept requires std::same_as<R, PageAllocator>
      : Quarantine(below, page_allocator, handler, budget) {}
  Quarantine(A& below, R& records, MisuseHandler handler, QuarantineBudget budget = {}) noexcept
      : Wrapper<A>(below), memory_(records), records_(records), handler_(handler), budget_(budget) {}
  ~Quarantine() {
    flush();
    if (ring_ != nullptr) {
      memory_.deallocate(ring_, ring_layout(), WEIR_CALLER());
    }
  }

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = this->below_.allocate(layout, caller);
    if (block == nullptr && held_ != 0) {  // what is held may be what is missing
      flush();
      block = this->below_.allocate(layout, caller);
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return !is_held(block, layout, caller) && this->below_.resize(block, layout, bytes, caller);
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return is_held(block, layout, caller) ? nullptr : this->below_.remap(block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    if (is_held(block, layout, caller)) {
      return;
    }
    if (layout.bytes > budget_.bytes || !has_ring(caller) || !records_.reserve(caller)) {
      this->below_.deallocate(block, layout, caller);
      return;
    }
    while (held_ == budget_.blocks || held_bytes_ > budget_.bytes - layout.bytes) {
      let_go_oldest();
    }
    if (layout.bytes != 0) {
      std::memset(block, kFreed, layout.bytes);
    }
    ring_[(oldest_ + held_) % budget_.blocks] = address_of(block);
    ++held_;
    held_bytes_ += layout.bytes;
    records_.insert({address_of(block), layout, caller});
  }

  std::size_t held_blocks() const noexcept { return held_; }
  std::size_t held_bytes() const noexcept { return held_bytes_; }

  // The held block that begins at the address, or nullptr.
  const FreedBlock* find(const void* block) noexcept { return records_.find(block); }

  // Looks at all that is held; the number of blocks that were written to, each of which is reported.
  std::size_t check_all() noexcept {
    std::size_t damaged = 0;
    records_.for_each([&](const FreedBlock& block) noexcept { damaged += is_damaged(block); });
    return damaged;
  }

  // Looks at all that is held and gives it below.
  void flush() noexcept {
    while (held_ != 0) {
      let_go_oldest();
    }
  }

  // What is held is gone already.
  void forget_held() noexcept {
    records_.clear();
    held_ = 0;
    held_bytes_ = 0;
  }

 private:
  Layout ring_layout() const noexcept { return Layout::of<std::uintptr_t>(budget_.blocks); }

  bool has_ring(CallerAddress caller) noexcept {
    if (ring_ == nullptr && budget_.blocks != 0) {
      ring_ = static_cast<std::uintptr_t*>(memory_.allocate(ring_layout(), caller));
    }
    return ring_ != nullptr;
  }

  bool is_held(const void* block, Layout given, CallerAddress caller) noexcept {
    const FreedBlock* held = records_.find(block);
    if (held == nullptr) {
      return false;
    }
    handler_({MisuseKind::double_free, block, given, held->layout, 0, caller, nullptr, held->caller});
    return true;
  }

  bool is_damaged(const FreedBlock& block) noexcept {
    const unsigned char* address = block.address();
    for (std::size_t i = 0; i != block.layout.bytes; ++i) {
      if (address[i] != kFreed) {
        handler_({MisuseKind::written_after_free,
                  address,
                  {},
                  block.layout,
                  static_cast<std::ptrdiff_t>(i),
                  nullptr,
                  nullptr,
                  block.caller});
        return true;
      }
    }
    return false;
  }

  void let_go_oldest() noexcept {
    FreedBlock* record = records_.find(ring_[oldest_]);
    is_damaged(*record);
    const FreedBlock block = records_.take(record);
    oldest_ = (oldest_ + 1) % budget_.blocks;
    --held_;
    held_bytes_ -= block.layout.bytes;
    this->below_.deallocate(block.address(), block.layout, block.caller);
  }

  R& memory_;
  Records<FreedBlock, R> records_;
  MisuseHandler handler_;
  QuarantineBudget budget_;
  std::uintptr_t* ring_ = nullptr;
  std::size_t oldest_ = 0;
  std::size_t held_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace weir
