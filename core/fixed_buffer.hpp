// The fixed buffer: blocks one behind the other in memory of a fixed size; the last one can be given back or
// resized in place, the others wait for reset().
//
//   FixedBuffer            over memory that is given to it: a part of the stack, a block of another,
//                          a mapped file
//   FixedBufferOf<N>       brings its N bytes along;
//                          `constinit thread_local FixedBufferOf<4096> scratch;` works
//   SharedFixedBuffer(Of)  the same for several threads at once, by one compare-and-swap an operation
//
// None allocates; all are O(1). An allocation that does not fit is nullptr and changes nothing. reset() wants
// no other thread in the buffer. One buffer may lie in another: end_index is all that each knows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "allocator.hpp"
#include "sanitizers.hpp"

namespace weir {

// Where a buffer's memory is. What lies beside the index needs no pointer to itself, and so can be constinit.
class GivenMemory {
 public:
  constexpr GivenMemory() noexcept = default;
  constexpr explicit GivenMemory(std::span<std::byte> memory) noexcept
      : begin_(memory.data()), capacity_(memory.size()) {}
  GivenMemory(const GivenMemory&) = delete;
  GivenMemory& operator=(const GivenMemory&) = delete;
  WEIR_IF_CHECKED(constexpr ~GivenMemory() {
    if (!std::is_constant_evaluated() && is_checked()) sanitizer::end(this, begin_, capacity_);
  })
  bool is_checked() const noexcept { return sanitizer::active() && capacity_ <= sanitizer::kMostBytes; }
  std::byte* begin() const noexcept { return begin_; }
  constexpr std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::byte* begin_ = nullptr;
  std::size_t capacity_ = 0;
};

template <std::size_t N>
class OwnMemory {
 public:
  constexpr OwnMemory() noexcept = default;
  OwnMemory(const OwnMemory&) = delete;
  OwnMemory& operator=(const OwnMemory&) = delete;
  WEIR_IF_ASAN(constexpr ~OwnMemory() {
    if (!std::is_constant_evaluated() && is_checked()) sanitizer::open(begin(), N);
  })
  static constexpr bool is_checked() noexcept { return WEIR_ASAN && N <= sanitizer::kMostBytes; }
  std::byte* begin() const noexcept { return const_cast<std::byte*>(memory_.bytes); }
  static constexpr std::size_t capacity() noexcept { return N; }

 private:
  // Constant-initialised, and yet N bytes on the stack cost nothing: only the empty member is initialised.
  struct Nothing {};
  union Memory {
    constexpr Memory() noexcept : nothing() {}
    Nothing nothing;
    alignas(kDefaultAlignment) std::byte bytes[N];
  };
  Memory memory_;
};

// The index of the first free byte and the highest that there was, for one thread or for several.
class LocalIndex {
 public:
  static constexpr bool kShared = false;
  constexpr std::size_t load() const noexcept { return end_; }
  constexpr std::size_t peak() const noexcept { return peak_; }
  // From what load() told to `to`; false when another thread was faster, and `from` is then what it left.
  constexpr bool advance(std::size_t& /*from*/, std::size_t to) noexcept {
    end_ = to;
    if (to > peak_) peak_ = to;
    return true;
  }
  constexpr void reset() noexcept { end_ = 0; }

 private:
  std::size_t end_ = 0;
  std::size_t peak_ = 0;
};

class SharedIndex {
 public:
  static constexpr bool kShared = true;
  std::size_t load() const noexcept { return end_.load(std::memory_order_acquire); }
  std::size_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
  bool advance(std::size_t& from, std::size_t to) noexcept {
    // Release and acquire: who gets a block that was given back comes after who gave it back.
    if (!end_.compare_exchange_weak(from, to, std::memory_order_acq_rel, std::memory_order_acquire))
      return false;
    std::size_t seen = peak_.load(std::memory_order_relaxed);
    while (seen < to && !peak_.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
    }
    return true;
  }
  void reset() noexcept { end_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::size_t> end_ = 0;
  std::atomic<std::size_t> peak_ = 0;
};

template <typename Memory, typename Index>
class BasicFixedBuffer {
 public:
  constexpr BasicFixedBuffer() noexcept { check_new(); }
  constexpr explicit BasicFixedBuffer(
      std::span<std::byte> memory) noexcept requires std::constructible_from<Memory, std::span<std::byte>>
      : memory_(memory) {
    check_new();
  }
  BasicFixedBuffer(const BasicFixedBuffer&) = delete;
  BasicFixedBuffer& operator=(const BasicFixedBuffer&) = delete;

  void* allocate(Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    const std::uintptr_t begin = address_of(memory_.begin());
    const std::size_t bytes = taken(layout.bytes);
    std::size_t end = index_.load();
    for (;;) {
      const std::size_t offset = align_up(begin + end, layout.alignment) - begin;
      if (offset > capacity() || bytes > capacity() - offset) return nullptr;
      if (!index_.advance(end, offset + bytes)) continue;
      std::byte* const block = memory_.begin() + offset;
      if (memory_.is_checked()) [[unlikely]]
        check_allocated(block, layout.bytes, end == 0);
      return block;
    }
  }

  // The last block grows and shrinks; others shrink, and what is behind their new end stays used.
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress /*caller*/ = nullptr) noexcept {
    if (bytes > layout.bytes) {
      if (!advance_last(block, layout.bytes, bytes)) return false;
      if (memory_.is_checked()) [[unlikely]]
        check_resized(block, layout.bytes, bytes);
      return true;
    }
    // Before the bytes are another thread's.
    if (memory_.is_checked()) [[unlikely]]
      check_resized(block, layout.bytes, bytes);
    advance_last(block, layout.bytes, bytes);
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return remap_by_copy(*this, block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    if (memory_.is_checked()) [[unlikely]]
      check_freed(block, layout.bytes);
    const std::size_t offset = offset_of(block);
    const std::size_t last = offset + taken(layout.bytes);
    std::size_t end = index_.load();
    while (end == last && !index_.advance(end, offset)) {
    }
  }

  bool owns(const void* block) const noexcept { return offset_of(block) < end_index(); }
  std::size_t usable_size(const void* /*block*/, Layout layout) const noexcept { return layout.bytes; }

  // Gives back all blocks. The peak stays.
  void reset() noexcept {
    if (memory_.is_checked()) [[unlikely]]
      sanitizer::cut(&memory_, memory_.begin(), 0, capacity());
    index_.reset();
  }

  std::size_t capacity() const noexcept { return memory_.capacity(); }
  std::size_t end_index() const noexcept { return index_.load(); }  // bytes used, gaps for alignment included
  std::size_t peak() const noexcept { return index_.peak(); }       // the most that they ever were

 private:
  static constexpr std::size_t taken(std::size_t bytes) noexcept { return bytes + (bytes == 0); }
  std::size_t offset_of(const void* block) const noexcept {
    return address_of(block) - address_of(memory_.begin());
  }

  // Whether the block was the last one, and has its new size now.
  bool advance_last(const void* block, std::size_t from, std::size_t to) noexcept {
    const std::size_t offset = offset_of(block);
    const std::size_t last = offset + taken(from);
    std::size_t end = index_.load();
    if (end != last || taken(to) > capacity() - offset) return false;
    while (!index_.advance(end, offset + taken(to))) {
      if (end != last) return false;
    }
    return true;
  }

  // Groups of 8 bytes that blocks of two threads share stay accessible: neither may tell of the other's bytes.
  static std::size_t before(const void* at) noexcept { return Index::kShared ? address_of(at) % 8 : 0; }
  std::size_t behind(const void* at) const noexcept {
    const std::size_t left = capacity() - offset_of(at);
    const std::size_t shared = Index::kShared ? -address_of(at) % 8 : 0;
    return shared < left ? shared : left;
  }

  // Nobody's but for what blocks will have. Where that costs threads nothing the first block does it, so that buffers
  // that are made by the compiler have it, too.
  constexpr void check_new() noexcept {
    if (Index::kShared && !std::is_constant_evaluated() && memory_.is_checked()) {
      sanitizer::cut(&memory_, memory_.begin(), 0, capacity());
    }
  }
  [[gnu::cold, gnu::noinline]] void check_allocated(std::byte* block, std::size_t bytes,
                                                    bool first) noexcept {
    if (!Index::kShared && first) sanitizer::cut(&memory_, memory_.begin(), 0, capacity());
    if constexpr (!WEIR_ASAN) {
      sanitizer::allocated(&memory_, block, bytes);
      return;
    }
    const std::size_t in_front = before(block);
    sanitizer::open(block - in_front, in_front + bytes + behind(block + bytes));
  }
  [[gnu::cold, gnu::noinline]] void check_freed(void* block, std::size_t bytes) noexcept {
    if constexpr (WEIR_ASAN) {
      close_between(static_cast<std::byte*>(block), static_cast<std::byte*>(block) + bytes);
    } else {
      sanitizer::freed(&memory_, block, bytes);
    }
  }
  [[gnu::cold, gnu::noinline]] void check_resized(void* block, std::size_t from, std::size_t to) noexcept {
    if constexpr (!WEIR_ASAN) {
      sanitizer::resized(&memory_, block, from, to);
      return;
    }
    auto* const begin = static_cast<std::byte*>(block);
    if (to < from) {
      close_between(begin + to, begin + from);
    } else {
      sanitizer::open(begin + from, to - from + behind(begin + to));
    }
  }
  void close_between(std::byte* from, std::byte* to) const noexcept {
    from += behind(from);
    to -= before(to);
    if (from < to) sanitizer::close(from, static_cast<std::size_t>(to - from));
  }

  Memory memory_;
  Index index_;
};

using FixedBuffer = BasicFixedBuffer<GivenMemory, LocalIndex>;
using SharedFixedBuffer = BasicFixedBuffer<GivenMemory, SharedIndex>;
template <std::size_t N>
using FixedBufferOf = BasicFixedBuffer<OwnMemory<N>, LocalIndex>;
template <std::size_t N>
using SharedFixedBufferOf = BasicFixedBuffer<OwnMemory<N>, SharedIndex>;

static_assert(Allocator<FixedBuffer> && Allocator<SharedFixedBufferOf<64>>);

}  // namespace weir
