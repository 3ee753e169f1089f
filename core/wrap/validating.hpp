// Finds writes outside of blocks: canaries in front and behind, fill patterns,
// and the layouts of the contract.
//
// Each block stands between two canaries whose bytes depend on their address, so that a copied one is not
// taken for right. They are looked at when the block is freed or changes its size, and by check_all(). What
// is known of a block lies in records elsewhere (by default in pages), where an overrun cannot reach it. A
// new block is filled with 0xA5, one given back with 0xDD: who reads what was never written or is no more his
// sees it. What is wrong is reported, and the call goes on with what is known; a call for an unknown block
// ends there. A block costs two canaries, the front one rounded up to the alignment. Not thread-safe. After
// the reset of an arena below, call forget_live().
#pragma once

#include <cstring>

#include "misuse.hpp"
#include "records.hpp"
#include "wrapper.hpp"

namespace weir {

struct Validation {
  bool fill_new = true;
  bool fill_freed = true;
};

// Where canaries lie, and what is in them.
struct Canary {
  static constexpr std::size_t kBytes = 32;

  static constexpr std::size_t front(std::size_t alignment) noexcept {
    return alignment > kBytes ? alignment : kBytes;
  }

  // From 0x80 to 0xFE: a text's characters, its end, and what is filled with ones are never taken for right.
  static unsigned char byte_at(const unsigned char* at) noexcept {
    constexpr std::uint64_t kValues = 0xFF - 0x80;
    return static_cast<unsigned char>(0x80 + (((address_of(at) + 1) * 0x9e3779b97f4a7c15) >> 40) % kValues);
  }

  static void write(unsigned char* at) noexcept {
    for (std::size_t i = 0; i != kBytes; ++i) {
      at[i] = byte_at(at + i);
    }
  }

  // The first damaged byte, or nullptr.
  static const unsigned char* damage(const unsigned char* at) noexcept {
    for (std::size_t i = 0; i != kBytes; ++i) {
      if (at[i] != byte_at(at + i)) {
        return at + i;
      }
    }
    return nullptr;
  }
};

template <Allocator A, Allocator R = PageAllocator>
class Validating : public Wrapper<A> {
 public:
  static constexpr unsigned char kNew = 0xA5;
  static constexpr unsigned char kFreed = 0xDD;

  explicit Validating(A& below, MisuseHandler handler = {},
                      Validation options = {}) noexcept requires std::same_as<R, PageAllocator>
      : Validating(below, page_allocator, handler, options) {}
  Validating(A& below, R& records, MisuseHandler handler, Validation options = {}) noexcept
      : Wrapper<A>(below), records_(records), handler_(handler), options_(options) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    if (!std::has_single_bit(layout.alignment)) {
      handler_({MisuseKind::bad_alignment, nullptr, layout, {}, 0, caller, nullptr, nullptr});
      return nullptr;
    }
    if (!fits(layout, layout.bytes) || !records_.reserve(caller)) {
      return nullptr;
    }
    void* raw = this->below_.allocate(raw_layout(layout), caller);
    if (raw == nullptr) {
      return nullptr;
    }
    unsigned char* block = static_cast<unsigned char*>(raw) + Canary::front(layout.alignment);
    if (Block* stale = records_.find(block)) {
      records_.take(stale);
    }
    records_.insert({address_of(block), layout, caller});
    Canary::write(block - Canary::kBytes);
    Canary::write(block + layout.bytes);
    fill(options_.fill_new, block, kNew, layout.bytes);
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    Block* known = check(block, layout, caller);
    if (known == nullptr || !fits(known->layout, bytes) ||
        !this->below_.resize(raw_of(*known), raw_layout(known->layout), raw_bytes(known->layout, bytes),
                             caller)) {
      return false;
    }
    set_size(*known, bytes);
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    Block* known = check(block, layout, caller);
    if (known == nullptr || !fits(known->layout, bytes)) {
      return nullptr;
    }
    void* raw = this->below_.remap(raw_of(*known), raw_layout(known->layout), raw_bytes(known->layout, bytes),
                                   caller);
    if (raw == nullptr) {
      return nullptr;
    }
    Block now = records_.take(known);
    unsigned char* moved = static_cast<unsigned char*>(raw) + Canary::front(now.layout.alignment);
    now.key = address_of(moved);
    if (Block* stale = records_.find(moved)) {
      records_.take(stale);
    }
    Canary::write(moved - Canary::kBytes);
    set_size(records_.insert(now), bytes);
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    Block* known = check(block, layout, caller);
    if (known != nullptr) {
      const Block gone = records_.take(known);
      fill(options_.fill_freed, block, kFreed, gone.layout.bytes);
      this->below_.deallocate(raw_of(gone), raw_layout(gone.layout), caller);
    }
  }

  std::size_t usable_size(const void*, Layout layout) const noexcept { return layout.bytes; }

  // Looks at the canaries of all live blocks; the number of damaged ones, each of which is reported.
  std::size_t check_all(CallerAddress caller = nullptr) noexcept {
    std::size_t damaged = 0;
    records_.for_each([&](const Block& block) noexcept { damaged += is_damaged(block, caller); });
    return damaged;
  }

  // All that is live is gone, by other ways than deallocate.
  void forget_live() noexcept { records_.clear(); }

 private:
  struct Block {
    std::uintptr_t key = 0;
    Layout layout;
    CallerAddress caller = nullptr;

    unsigned char* address() const noexcept { return reinterpret_cast<unsigned char*>(key); }
  };

  static bool fits(Layout layout, std::size_t bytes) noexcept {
    const std::size_t front = Canary::front(layout.alignment);
    return front <= kMostPadding && bytes <= SIZE_MAX - Canary::kBytes - front;
  }
  static std::size_t raw_bytes(Layout layout, std::size_t bytes) noexcept {
    return Canary::front(layout.alignment) + bytes + Canary::kBytes;
  }
  static Layout raw_layout(Layout layout) noexcept {
    return layout.with_bytes(raw_bytes(layout, layout.bytes));
  }
  static void* raw_of(const Block& block) noexcept {
    return block.address() - Canary::front(block.layout.alignment);
  }

  static void fill(bool wanted, void* at, unsigned char byte, std::size_t bytes) noexcept {
    if (wanted && bytes != 0) {
      std::memset(at, byte, bytes);
    }
  }

  // The memory has the new size already; what it has more is filled, and closed by a new canary.
  void set_size(Block& block, std::size_t bytes) noexcept {
    if (bytes > block.layout.bytes) {
      fill(options_.fill_new, block.address() + block.layout.bytes, kNew, bytes - block.layout.bytes);
    }
    block.layout.bytes = bytes;
    Canary::write(block.address() + bytes);
  }

  Block* check(const void* block, Layout given, CallerAddress caller) noexcept {
    Block* known = records_.find(block);
    if (known == nullptr) {
      handler_({MisuseKind::unknown_block, block, given, {}, 0, caller, nullptr, nullptr});
      return nullptr;
    }
    const Layout layout = known->layout;
    if (given.bytes != layout.bytes) {
      handler_({MisuseKind::wrong_size, block, given, layout, 0, caller, known->caller, nullptr});
    }
    if (given.alignment != layout.alignment) {
      handler_({MisuseKind::wrong_alignment, block, given, layout, 0, caller, known->caller, nullptr});
    }
    is_damaged(*known, caller);
    return known;
  }

  bool is_damaged(const Block& block, CallerAddress caller) noexcept {
    const unsigned char* address = block.address();
    const auto report = [&](MisuseKind kind, const unsigned char* at) noexcept {
      if (at != nullptr) {
        handler_({kind, address, {}, block.layout, at - address, caller, block.caller, nullptr});
      }
      return at != nullptr;
    };
    const bool front = report(MisuseKind::front_overwritten, Canary::damage(address - Canary::kBytes));
    return report(MisuseKind::back_overwritten, Canary::damage(address + block.layout.bytes)) || front;
  }

  Records<Block, R> records_;
  MisuseHandler handler_;
  Validation options_;
};

}  // namespace weir
