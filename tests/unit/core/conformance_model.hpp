// What a test knows of an allocator's live blocks: where each lies, its layout, and the pattern that it holds.
//
// Every operation goes through the model, which checks what the contract (core/allocator.hpp) says of it: the
// alignment, that no live block is overlapped, that the contents are kept, that a failure changes nothing, that
// errno is not touched, and that a request within the limits of an allocator without end does not fail. One model
// belongs to one thread; several may share an allocator. Failures are gtest's, none is fatal.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "core/any_allocator.hpp"

namespace weir::test {

// In which order blocks must be given back for their memory to be handed out again.
enum class Reuse { kNone, kLastInFirstOut, kAnyOrder };

// What the suite may expect of an allocator.
struct Traits {
  std::size_t max_alignment = std::size_t{4} << 20;  // up to here a request is granted; above it may fail
  std::size_t max_bytes = std::size_t{1} << 20;      // the same for sizes
  bool bounded = false;                              // may be exhausted: then any request may fail
  Reuse reuse = Reuse::kAnyOrder;
  bool exact_owns = true;  // owns() says no to memory that is not the allocator's
};

// The caller that all requests of the tests name.
inline const int kCallerMark = 0;
inline const CallerAddress kCaller = &kCallerMark;

// Put under or between layers, it looks at the requests that come through: whose are they?
template <typename A>
class CallerProbe {
 public:
  explicit CallerProbe(A& below) noexcept : below_(below) {}
  CallerProbe(const CallerProbe&) = delete;
  CallerProbe& operator=(const CallerProbe&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    see(caller);
    return below_.allocate(layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    see(caller);
    return below_.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    see(caller);
    return below_.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    see(caller);
    below_.deallocate(block, layout, caller);
  }
  bool owns(const void* block) const noexcept { return below_.owns(block); }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return below_.usable_size(block, layout);
  }

  std::size_t calls() const noexcept { return calls_; }
  std::size_t strangers() const noexcept { return strangers_; }

 private:
  void see(CallerAddress caller) noexcept {
    ++calls_;
    strangers_ += caller != kCaller;
  }

  A& below_;
  std::size_t calls_ = 0;
  std::size_t strangers_ = 0;
};

// errno holds a value that nobody sets, and must hold it still at the end.
class ErrnoKept {
 public:
  ErrnoKept() noexcept { errno = kMark; }
  ~ErrnoKept() { EXPECT_EQ(errno, kMark) << "an allocator has changed errno"; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  static constexpr int kMark = 31337;
};

struct Block {
  std::byte* at;
  Layout layout;
  std::uint64_t id;
  std::size_t written;  // bytes that hold the pattern: all that usable_size() granted
};

inline std::string show(Layout layout) {
  return std::to_string(layout.bytes) + " bytes aligned to " + std::to_string(layout.alignment);
}

// What is known of the blocks.
class BlockTable {
 public:
  explicit BlockTable(Traits traits) : traits_(traits) {}

  std::size_t size() const { return blocks_.size(); }
  bool empty() const { return blocks_.empty(); }
  const Block& operator[](std::size_t i) const { return blocks_[i]; }
  std::size_t live_bytes() const { return live_bytes_; }

  bool may_fail(Layout layout) const {
    return traits_.bounded || layout.bytes > traits_.max_bytes || layout.alignment > traits_.max_alignment;
  }

  // After a reset of the allocator: the blocks are gone without having been given back.
  void forget_all() {
    blocks_.clear();
    ranges_.clear();
    live_bytes_ = 0;
  }

 protected:
  Block& at(std::size_t i) { return blocks_[i]; }

  Block& add(void* got, Layout layout) {
    blocks_.push_back({static_cast<std::byte*>(got), layout, next_id_++, 0});
    return blocks_.back();
  }

  // The last block takes the place of the one that goes.
  Block remove(std::size_t i) {
    const Block block = blocks_[i];
    leave(block);
    blocks_[i] = blocks_.back();
    blocks_.pop_back();
    return block;
  }

  void sort_by_age() {
    std::sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) { return a.id < b.id; });
  }

  void check_pattern(const Block& block, std::size_t bytes) const {
    bool same = true;
    for_pieces(block.id, bytes, [&](std::size_t i, const std::byte* wanted, std::size_t length) {
      same = same && std::memcmp(block.at + i, wanted, length) == 0;
    });
    EXPECT_TRUE(same) << "contents changed in a block of " << show(block.layout);
  }

  // A block is there, or there in another size.
  void enter(Block& block, std::size_t usable) {
    EXPECT_TRUE(is_aligned(address_of(block.at), block.layout.alignment)) << show(block.layout);
    EXPECT_GE(usable, block.layout.bytes);
    const std::uintptr_t begin = address_of(block.at);
    const std::uintptr_t end = begin + std::max<std::size_t>(usable, 1);
    const auto after = ranges_.lower_bound(begin);
    EXPECT_TRUE(after == ranges_.end() || end <= after->first)
        << "overlaps a live block: " << show(block.layout);
    EXPECT_TRUE(after == ranges_.begin() || std::prev(after)->second <= begin) << "lies in a live block";
    ranges_[begin] = end;
    live_bytes_ += block.layout.bytes;
    block.written = usable;
    for_pieces(block.id, usable, [&](std::size_t i, const std::byte* from, std::size_t length) {
      std::memcpy(block.at + i, from, length);
    });
  }

  // It is elsewhere or of another size, and must have kept what both sizes hold.
  void move(Block& block, void* to, std::size_t bytes) {
    leave(block);
    const std::size_t kept = std::min(block.layout.bytes, bytes);
    block.at = static_cast<std::byte*>(to);
    block.layout.bytes = bytes;
    check_pattern(block, kept);
  }

 private:
  // A block holds a row of bytes that looks random and repeats itself, from a place in it that is the block's own. The
  // period is a prime, so that no two pages are alike; whole pieces of it are copied and compared, which takes a
  // hundredth of the time that single bytes take under the sanitizers.
  static constexpr std::size_t kPeriod = 4099;

  template <typename Piece>
  static void for_pieces(std::uint64_t id, std::size_t bytes, Piece piece) {
    static const std::vector<std::byte> row = [] {
      std::vector<std::byte> twice(2 * kPeriod);
      for (std::size_t i = 0; i < kPeriod; ++i) {
        twice[i] = twice[i + kPeriod] = static_cast<std::byte>((i * 2654435761U) >> 13);
      }
      return twice;
    }();
    const std::byte* const from = row.data() + id * 37 % kPeriod;
    for (std::size_t i = 0; i < bytes; i += kPeriod) piece(i, from, std::min(kPeriod, bytes - i));
  }

  void leave(const Block& block) {
    ranges_.erase(address_of(block.at));
    live_bytes_ -= block.layout.bytes;
  }

  Traits traits_;
  std::vector<Block> blocks_;
  std::map<std::uintptr_t, std::uintptr_t> ranges_;
  std::uint64_t next_id_ = 0;
  std::size_t live_bytes_ = 0;
};

class Blocks : public BlockTable {
 public:
  Blocks(AnyAllocator allocator, Traits traits) : BlockTable(traits), allocator_(allocator) {}

  // The new block is the last one. False when the allocator has none.
  bool allocate(Layout layout) {
    void* got = nullptr;
    {
      const ErrnoKept kept;
      got = allocator_.allocate(layout, kCaller);
    }
    if (got == nullptr) {
      EXPECT_TRUE(may_fail(layout)) << "allocate failed: " << show(layout);
      return false;
    }
    enter(add(got, layout), allocator_.usable_size(got, layout));
    return true;
  }

  bool resize(std::size_t i, std::size_t bytes) {
    const Block& block = at(i);
    bool done = false;
    {
      const ErrnoKept kept;
      done = allocator_.resize(block.at, block.layout, bytes, kCaller);
    }
    changed(i, done ? block.at : nullptr, bytes);
    return done;
  }

  bool remap(std::size_t i, std::size_t bytes) {
    const Block& block = at(i);
    void* got = nullptr;
    {
      const ErrnoKept kept;
      got = allocator_.remap(block.at, block.layout, bytes, kCaller);
    }
    if (got == nullptr) {
      EXPECT_TRUE(may_fail(block.layout.with_bytes(bytes)))
          << "remap failed: " << show(block.layout) << " to " << bytes;
    }
    changed(i, got, bytes);
    return got != nullptr;
  }

  // The last block takes the place of the one given back.
  void deallocate(std::size_t i) {
    check(i);
    const Block block = remove(i);
    const ErrnoKept kept;
    allocator_.deallocate(block.at, block.layout, kCaller);
  }

  // The youngest first.
  void deallocate_all() {
    sort_by_age();
    while (!empty()) deallocate(size() - 1);
  }

  void check(std::size_t i) const {
    const Block& block = (*this)[i];
    check_pattern(block, block.written);
    EXPECT_TRUE(allocator_.owns(block.at)) << "owns() denies a block: " << show(block.layout);
    if (block.layout.bytes > 1) {
      EXPECT_TRUE(allocator_.owns(block.at + block.layout.bytes - 1)) << "owns() denies the end of a block";
    }
  }

  void check_all() const {
    for (std::size_t i = 0; i < size(); ++i) check(i);
  }

 private:
  // What resize or remap has left: the block at `got`, or as it was.
  void changed(std::size_t i, void* got, std::size_t bytes) {
    if (got == nullptr) return check(i);
    Block& block = at(i);
    move(block, got, bytes);
    enter(block, allocator_.usable_size(got, block.layout));
  }

  AnyAllocator allocator_;
};

}  // namespace weir::test
