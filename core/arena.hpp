// The arena: blocks one behind the other in chunks that grow geometrically, given back all at once.
//
// Chunks come from any allocator: pages, a fixed buffer, another arena. `Arena child(parent)` is one on the
// parent: its chunks go back to it in the end, and are there for the parent's next ones as far as nothing was
// allocated behind them; parent.reset() makes the child void. The last
// block can be given back or resized in place; the others wait for rewind, reset or the end of the arena. Not
// thread-safe: an arena belongs to one thread or request. It allocates only when a chunk is full; that path
// is out of line. allocate, resize and deallocate are O(1); owns, rewind, reset and query_capacity O(chunks),
// of which there are O(log bytes).
//
// After the arenas of Hanson (1990) and of Zig's std.heap: a reset that retains capacity leaves one chunk
// that is large enough for all that was in use, so that a round that repeats asks the backing for nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "allocator.hpp"
#include "page_allocator.hpp"
#include "sanitizers.hpp"

namespace weir {

// How much of its memory an arena keeps when it is reset.
struct ArenaReset {
  std::size_t limit;
};
inline constexpr ArenaReset kRetainCapacity{SIZE_MAX};
inline constexpr ArenaReset kFreeAll{0};
constexpr ArenaReset retain_with_limit(std::size_t bytes) noexcept {
  return {bytes};
}

template <Allocator Backing = PageAllocator>
class Arena {
  struct Chunk {
    Chunk* older;             // the one before it in its list
    std::size_t bytes;        // with this header
    std::uintptr_t used_end;  // of its blocks, once a younger chunk is in use
    std::size_t number;       // in the order in which they came from the backing
  };

 public:
  static constexpr std::size_t kFirstChunk = std::size_t{16} << 10;

  // A place to rewind to: everything allocated since is given back,
  // and its chunks are kept for what comes next.
  class Mark {
    friend Arena;
    Chunk* chunk;
    std::uintptr_t next;
  };

  explicit Arena(Backing& backing, std::size_t first_chunk = kFirstChunk) noexcept
      : backing_(backing), first_chunk_(first_chunk) {}
  Arena() noexcept requires std::same_as<Backing, PageAllocator> : Arena(page_allocator) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    unwind_to(nullptr, 0);
    free_spares(nullptr);
  }

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    const std::uintptr_t block = align_up(next_, layout.alignment);
    const std::size_t bytes = taken(layout.bytes);
    if (block > end_ || bytes > end_ - block) [[unlikely]] {
      return allocate_from_another_chunk(layout.bytes, layout.alignment, caller);
    }
    next_ = block + bytes;
    if (sanitizer::active()) [[unlikely]]
      check_allocated(block, layout.bytes);
    return reinterpret_cast<void*>(block);
  }

  // The last block grows and shrinks; others shrink, and what is behind their new end stays used.
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress /*caller*/ = nullptr) noexcept {
    const std::uintptr_t begin = address_of(block);
    if (sanitizer::active()) [[unlikely]]
      return check_resized(begin, layout.bytes, bytes);
    if (begin + taken(layout.bytes) != next_) return bytes <= layout.bytes;
    if (taken(bytes) > end_ - begin) return false;
    next_ = begin + taken(bytes);
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return remap_by_copy(*this, block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    const std::uintptr_t begin = address_of(block);
    if (sanitizer::active()) [[unlikely]] {
      check_freed(begin, layout.bytes);
    } else if (begin + taken(layout.bytes) == next_) {
      next_ = begin;
    }
  }

  bool owns(const void* block) const noexcept {
    const std::uintptr_t address = address_of(block);
    for (const Chunk* chunk = chunk_; chunk != nullptr; chunk = chunk->older) {
      if (address >= begin_of(chunk) && address < (chunk == chunk_ ? next_ : chunk->used_end)) return true;
    }
    return false;
  }

  std::size_t usable_size(const void* /*block*/, Layout layout) const noexcept { return layout.bytes; }

  Mark mark() const noexcept {
    Mark mark;
    mark.chunk = chunk_;
    mark.next = next_;
    return mark;
  }

  // Marks nest: after a rewind those that were set later are void, as after a reset all are.
  void rewind(Mark mark) noexcept { unwind_to(mark.chunk, mark.next); }

  // Gives back all blocks. False when the one chunk that is to remain could not be had; the arena is then
  // empty, and as good as new.
  bool reset(ArenaReset retain = kRetainCapacity, CallerAddress caller = nullptr) noexcept {
    const std::size_t wanted = std::min(query_capacity(), retain.limit);
    unwind_to(nullptr, 0);
    Chunk* only = spares_ != nullptr && spares_->older == nullptr ? spares_ : nullptr;
    if (only != nullptr && wanted != 0 && shrink(only, wanted, caller)) {
      spares_ = nullptr;
      enter(only);
      return true;
    }
    free_spares(caller);
    if (wanted == 0) return true;
    Chunk* const chunk = new_chunk(sizeof(Chunk) + wanted, caller);
    if (chunk != nullptr) enter(chunk);
    return chunk != nullptr;
  }

  // Bytes that all chunks have for blocks, used or not; their headers are not counted.
  std::size_t query_capacity() const noexcept {
    std::size_t sum = 0;
    for (const Chunk* list : {chunk_, spares_}) {
      for (; list != nullptr; list = list->older) sum += list->bytes - sizeof(Chunk);
    }
    return sum;
  }

 private:
  static constexpr std::size_t taken(std::size_t bytes) noexcept { return bytes + (bytes == 0); }
  static constexpr Layout layout_of(std::size_t chunk_bytes) noexcept {
    return {chunk_bytes, kDefaultAlignment};
  }
  static std::uintptr_t begin_of(const Chunk* chunk) noexcept { return address_of(chunk) + sizeof(Chunk); }
  static std::uintptr_t end_of(const Chunk* chunk) noexcept { return address_of(chunk) + chunk->bytes; }

  static bool fits(const Chunk* chunk, Layout layout) noexcept {
    const std::uintptr_t block = align_up(begin_of(chunk), layout.alignment);
    return block <= end_of(chunk) && taken(layout.bytes) <= end_of(chunk) - block;
  }

  // Takes the layout in parts: one that is passed on whole GCC 12 stores and reloads as a vector, which costs
  // the fast path more than all that it does.
  [[gnu::cold, gnu::noinline]] void* allocate_from_another_chunk(std::size_t bytes, std::size_t alignment,
                                                                 CallerAddress caller) noexcept {
    const Layout layout{bytes, alignment};
    if (layout.bytes > SIZE_MAX / 4 || layout.alignment > SIZE_MAX / 4) return nullptr;
    Chunk* chunk = take_spare(layout);
    if (chunk == nullptr) {
      const std::size_t needed = round_up(sizeof(Chunk) + layout.alignment + layout.bytes, kDefaultAlignment);
      const std::size_t next = chunk_ == nullptr ? first_chunk_ : chunk_->bytes + chunk_->bytes / 2;
      const std::size_t generous =
          round_up(std::max(needed, next), next < kPageSize ? kDefaultAlignment : kPageSize);
      chunk = new_chunk(generous, caller);
      if (chunk == nullptr && needed < generous)
        chunk = new_chunk(needed, caller);  // a backing that is nearly full
    }
    if (chunk == nullptr) return nullptr;
    enter(chunk);
    next_ = align_up(next_, layout.alignment);
    const std::uintptr_t block = next_;
    next_ += taken(layout.bytes);
    if (sanitizer::active()) check_allocated(block, layout.bytes);
    return reinterpret_cast<void*>(block);
  }

  Chunk* take_spare(Layout layout) noexcept {
    for (Chunk** link = &spares_; *link != nullptr; link = &(*link)->older) {
      Chunk* const chunk = *link;
      if (!fits(chunk, layout)) continue;
      *link = chunk->older;
      return chunk;
    }
    return nullptr;
  }

  Chunk* new_chunk(std::size_t bytes, CallerAddress caller) noexcept {
    void* const memory = backing_.allocate(layout_of(bytes), caller);
    return memory == nullptr ? nullptr : ::new (memory) Chunk{nullptr, bytes, 0, ++chunks_made_};
  }

  // The chunk becomes the one that blocks come from.
  void enter(Chunk* chunk) noexcept {
    if (chunk_ != nullptr) chunk_->used_end = next_;
    chunk->older = chunk_;
    chunk_ = chunk;
    next_ = begin_of(chunk);
    end_ = end_of(chunk);
    check_cut(chunk, next_);
  }

  // Chunks entered since this one become spares, ordered by age: the oldest will be used first.
  void unwind_to(Chunk* chunk, std::uintptr_t next) noexcept {
    while (chunk_ != chunk) {
      Chunk* const spare = chunk_;
      chunk_ = spare->older;
      Chunk** link = &spares_;
      while (*link != nullptr && (*link)->number < spare->number) link = &(*link)->older;
      spare->older = *link;
      *link = spare;
      check_cut(spare, begin_of(spare));
    }
    next_ = next;
    end_ = chunk == nullptr ? 0 : end_of(chunk);
    if (chunk != nullptr) check_cut(chunk, next);
  }

  // The youngest first: a backing that takes back only its last block gets all of them.
  void free_spares(CallerAddress caller) noexcept {
    Chunk* youngest = nullptr;
    while (spares_ != nullptr) {
      Chunk* const chunk = spares_;
      spares_ = chunk->older;
      chunk->older = youngest;
      youngest = chunk;
    }
    while (youngest != nullptr) {
      Chunk* const chunk = youngest;
      youngest = chunk->older;
      if (is_checked(chunk)) sanitizer::end(chunk, chunk, chunk->bytes);
      backing_.deallocate(chunk, layout_of(chunk->bytes), caller);
    }
  }

  bool shrink(Chunk* chunk, std::size_t capacity, CallerAddress caller) noexcept {
    const std::size_t bytes = sizeof(Chunk) + capacity;
    if (bytes == chunk->bytes) return true;
    if (is_checked(chunk)) sanitizer::end(chunk, chunk, chunk->bytes);
    if (!backing_.resize(chunk, layout_of(chunk->bytes), bytes, caller)) return false;
    chunk->bytes = bytes;
    return true;
  }

  // The same operations where a checker is to be told: blocks have a gap behind them then, where there is room.
  std::uintptr_t behind(std::uintptr_t begin, std::size_t bytes) const noexcept {
    return begin + taken(bytes) + std::min(sanitizer::kGap, end_ - begin - taken(bytes));
  }
  static bool is_checked(const Chunk* chunk) noexcept {
    return sanitizer::active() && chunk != nullptr && chunk->bytes <= sanitizer::kMostBytes;
  }
  bool is_in(const Chunk* chunk, std::uintptr_t address) const noexcept {
    return address - begin_of(chunk) < chunk->bytes - sizeof(Chunk);
  }
  bool is_last(std::uintptr_t begin, std::size_t bytes) const noexcept {
    return chunk_ != nullptr && is_in(chunk_, begin) && behind(begin, bytes) == next_;
  }
  const Chunk* chunk_of(std::uintptr_t address) const noexcept {
    const Chunk* chunk = chunk_;
    while (chunk != nullptr && !is_in(chunk, address)) chunk = chunk->older;
    return chunk;
  }
  [[gnu::cold, gnu::noinline]] void check_allocated(std::uintptr_t begin, std::size_t bytes) noexcept {
    next_ = behind(begin, bytes);
    if (is_checked(chunk_)) sanitizer::allocated(chunk_, reinterpret_cast<void*>(begin), bytes);
  }
  [[gnu::cold, gnu::noinline]] bool check_resized(std::uintptr_t begin, std::size_t from,
                                                  std::size_t to) noexcept {
    const bool last = is_last(begin, from);
    if (last ? taken(to) > end_ - begin : to > from) return false;
    if (last) next_ = behind(begin, to);
    const Chunk* const chunk = chunk_of(begin);
    if (is_checked(chunk)) sanitizer::resized(chunk, reinterpret_cast<void*>(begin), from, to);
    return true;
  }
  [[gnu::cold, gnu::noinline]] void check_freed(std::uintptr_t begin, std::size_t bytes) noexcept {
    const Chunk* const chunk = chunk_of(begin);
    if (is_checked(chunk)) sanitizer::freed(chunk, reinterpret_cast<void*>(begin), bytes);
    if (is_last(begin, bytes)) next_ = begin;
  }
  static void check_cut(const Chunk* chunk, std::uintptr_t next) noexcept {
    if (!is_checked(chunk)) return;
    const std::uintptr_t begin = begin_of(chunk);
    sanitizer::cut(chunk, reinterpret_cast<void*>(begin), next - begin, end_of(chunk) - begin);
  }

  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
  Chunk* chunk_ = nullptr;   // the one in use, and through `older` all that hold blocks
  Chunk* spares_ = nullptr;  // empty ones
  Backing& backing_;
  std::size_t first_chunk_;
  std::size_t chunks_made_ = 0;
};

// `Arena child(parent)` is an arena on the parent, and not a copy of it.
template <Allocator Backing>
explicit Arena(Arena<Backing>& parent) -> Arena<Arena<Backing>>;

// Gives back at its end what was allocated since its beginning.
template <Allocator Backing>
class [[nodiscard]] ArenaScope {
 public:
  explicit ArenaScope(Arena<Backing>& arena) noexcept : arena_(arena), mark_(arena.mark()) {}
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;
  ~ArenaScope() { arena_.rewind(mark_); }

 private:
  Arena<Backing>& arena_;
  typename Arena<Backing>::Mark mark_;
};

static_assert(Allocator<Arena<>> && Allocator<Arena<Arena<>>>);

}  // namespace weir
