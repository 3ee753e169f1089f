// Says which subsystem memory is for: each block counts to a tag, from its allocation to its end.
//
//   inline constinit weir::Tag parser{"parser"};
//   weir::TagScope scope(parser);          // this thread, until the end of the block
//
// The tag is the innermost scope's of the thread, else the one that the wrapper was made with. A header in
// front of each block remembers it, so that a block that is freed in another scope, by another thread or
// through another Tagging of the same allocator still counts to its own. A header is a pointer, rounded up to
// the block's alignment. The counts are a tag's own, over all allocators and threads, and atomic: Tagging is
// as thread-safe as what is below. A tag must outlive its blocks. After the reset of an arena below, its tags
// still count what was live.
#pragma once

#include <atomic>
#include <initializer_list>

#include "text.hpp"
#include "wrapper.hpp"

namespace weir {

class Tag {
 public:
  constexpr explicit Tag(const char* name) noexcept : name_(name) {}
  Tag(const Tag&) = delete;
  Tag& operator=(const Tag&) = delete;

  const char* name() const noexcept { return name_; }
  std::size_t live_blocks() const noexcept { return live_blocks_.load(std::memory_order_relaxed); }
  std::size_t live_bytes() const noexcept { return live_bytes_.load(std::memory_order_relaxed); }
  std::size_t peak_bytes() const noexcept { return peak_bytes_.load(std::memory_order_relaxed); }
  std::size_t total_bytes() const noexcept { return total_bytes_.load(std::memory_order_relaxed); }

  void grown(std::size_t bytes) noexcept {
    total_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    const std::size_t live = live_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::size_t peak = peak_bytes();
    while (live > peak && !peak_bytes_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
    }
  }
  void shrunk(std::size_t bytes) noexcept { live_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  void count_block() noexcept { live_blocks_.fetch_add(1, std::memory_order_relaxed); }
  void discount_block() noexcept { live_blocks_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  const char* name_;
  std::atomic<std::size_t> live_blocks_ = 0;
  std::atomic<std::size_t> live_bytes_ = 0;
  std::atomic<std::size_t> peak_bytes_ = 0;
  std::atomic<std::size_t> total_bytes_ = 0;
};

inline constinit thread_local Tag* current_tag = nullptr;

// Scopes nest; they end in the opposite order, on the thread that they began on.
class TagScope {
 public:
  explicit TagScope(Tag& tag) noexcept : outer_(current_tag) { current_tag = &tag; }
  ~TagScope() { current_tag = outer_; }
  TagScope(const TagScope&) = delete;
  TagScope& operator=(const TagScope&) = delete;

 private:
  Tag* outer_;
};

template <Allocator A>
class Tagging : public Wrapper<A> {
 public:
  Tagging(A& below, Tag& otherwise) noexcept : Wrapper<A>(below), otherwise_(otherwise) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    if (!fits(layout, layout.bytes)) {
      return nullptr;
    }
    void* raw = this->below_.allocate(raw_layout(layout), caller);
    if (raw == nullptr) {
      return nullptr;
    }
    Tag& tag = current_tag != nullptr ? *current_tag : otherwise_;
    tag.count_block();
    tag.grown(layout.bytes);
    void* block = static_cast<std::byte*>(raw) + front(layout);
    static_cast<Tag**>(block)[-1] = &tag;
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    if (!fits(layout, bytes) ||
        !this->below_.resize(raw_of(block, layout), raw_layout(layout), raw_bytes(layout, bytes), caller)) {
      return false;
    }
    count_change(tag_of(block), layout.bytes, bytes);
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    Tag& tag = tag_of(block);
    void* raw = fits(layout, bytes) ? this->below_.remap(raw_of(block, layout), raw_layout(layout),
                                                         raw_bytes(layout, bytes), caller)
                                    : nullptr;
    if (raw == nullptr) {
      return nullptr;
    }
    count_change(tag, layout.bytes, bytes);
    return static_cast<std::byte*>(raw) + front(layout);
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    Tag& tag = tag_of(block);
    tag.shrunk(layout.bytes);
    tag.discount_block();
    this->below_.deallocate(raw_of(block, layout), raw_layout(layout), caller);
  }

  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return this->below_.usable_size(static_cast<const std::byte*>(block) - front(layout),
                                    raw_layout(layout)) -
           front(layout);
  }

  // The tag that a block of this allocator counts to.
  static Tag& tag_of(const void* block) noexcept { return *static_cast<Tag* const*>(block)[-1]; }

 private:
  static constexpr std::size_t front(Layout layout) noexcept {
    return layout.alignment > sizeof(void*) ? layout.alignment : sizeof(void*);
  }
  static constexpr bool fits(Layout layout, std::size_t bytes) noexcept {
    return front(layout) <= kMostPadding && bytes < SIZE_MAX - front(layout);
  }
  // One byte at least: a block of none must not begin where the next one lies.
  static constexpr std::size_t raw_bytes(Layout layout, std::size_t bytes) noexcept {
    return front(layout) + (bytes == 0 ? 1 : bytes);
  }
  static constexpr Layout raw_layout(Layout layout) noexcept {
    return {raw_bytes(layout, layout.bytes),
            layout.alignment > alignof(void*) ? layout.alignment : alignof(void*)};
  }
  static void* raw_of(void* block, Layout layout) noexcept {
    return static_cast<std::byte*>(block) - front(layout);
  }

  static void count_change(Tag& tag, std::size_t from, std::size_t to) noexcept {
    if (to > from) {
      tag.grown(to - from);
    } else {
      tag.shrunk(from - to);
    }
  }

  Tag& otherwise_;
};

// A line for each tag, under a heading.
inline void print_tags(std::initializer_list<const Tag*> tags, const TextSink& out) noexcept {
  out("live blocks   live bytes   peak bytes  total bytes  tag");
  for (const Tag* tag : tags) {
    Line line;
    line.number(tag->live_blocks(), 11).number(tag->live_bytes(), 13).number(tag->peak_bytes(), 13);
    out(line.number(tag->total_bytes(), 13).text("  ").text(tag->name()).view());
  }
}

}  // namespace weir
