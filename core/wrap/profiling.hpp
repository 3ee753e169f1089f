// Which sizes a program asks for: counts, bytes, what is live, how long blocks live, by size; a histogram of lifetimes;
// and how many allocations and bytes a second, since the start and in the last interval.
//
// Sizes are grouped by powers of two, or kept apart (`exact`). A block that changes its size moves to the row
// of the new one, without being counted as an allocation there. Lifetimes need a clock, and then a record for
// each live block. Records lie in memory of a second allocator; what it has no room for is counted in
// unrecorded(), and the request goes on. After the reset of an arena below, call forget_live(). A lookup a call,
// two with a clock. Not thread-safe. Times are the clock's: nanoseconds, or what ticks_per_second says. print()
// and for_each_row() sort: O(rows log rows).
#pragma once

#include <array>

#include "clock.hpp"
#include "rates.hpp"
#include "records.hpp"
#include "text.hpp"
#include "wrapper.hpp"

namespace weir {

struct ProfileRow {
  std::uintptr_t key = 0;
  std::size_t least = 0;  // sizes of this row
  std::size_t most = 0;
  std::size_t allocations = 0;
  std::size_t bytes = 0;  // of these allocations
  std::size_t live_blocks = 0;
  std::size_t live_bytes = 0;
  std::size_t ended = 0;       // blocks whose lifetime is known...
  std::uint64_t lifetime = 0;  // ...and its sum
};

// Blocks that lived so long, by powers of two: 0, 1, 2-3, 4-7 ticks and so on.
struct LifetimeRow {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::size_t blocks = 0;
  std::size_t bytes = 0;  // that they had in the end
};

struct ProfileOptions {
  bool exact = false;
  Clock clock = {};
  std::uint64_t ticks_per_second = kNanosecondsPerSecond;
};

template <Allocator A, Allocator R = PageAllocator>
class Profiling : public Wrapper<A> {
 public:
  explicit Profiling(A& below, ProfileOptions options = {}) noexcept requires std::same_as<R, PageAllocator>
      : Profiling(below, page_allocator, options) {}
  Profiling(A& below, R& records, ProfileOptions options = {}) noexcept
      : Wrapper<A>(below),
        rows_(records),
        births_(records),
        options_(options),
        meter_(options.clock, options.ticks_per_second) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = this->below_.allocate(layout, caller);
    if (block == nullptr) {
      return nullptr;
    }
    usage_.allocated(layout.bytes);
    if (ProfileRow* row = row_of(layout.bytes, caller)) {
      ++row->allocations;
      row->bytes += layout.bytes;
      enter(*row, layout.bytes);
    }
    if (options_.clock) {
      remember(block, options_.clock(), caller);
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const bool done = this->below_.resize(block, layout, bytes, caller);
    if (done) {
      usage_.resized(layout.bytes, bytes);
      change_row(layout.bytes, bytes, caller);
    }
    return done;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    void* moved = this->below_.remap(block, layout, bytes, caller);
    if (moved != nullptr) {
      usage_.resized(layout.bytes, bytes);
      change_row(layout.bytes, bytes, caller);
      if (Birth* birth = births_.find(block)) {
        remember(moved, births_.take(birth).time, caller);
      }
    }
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    usage_.freed(layout.bytes);
    ProfileRow* row = rows_.find(key_of(layout.bytes));
    if (row != nullptr) {
      leave(*row, layout.bytes);
    }
    if (Birth* birth = births_.find(block)) {
      const std::uint64_t lifetime = options_.clock() - births_.take(birth).time;
      LifetimeCount& count = lifetimes_[static_cast<std::size_t>(std::bit_width(lifetime))];
      ++count.blocks;
      count.bytes += layout.bytes;
      if (row != nullptr) {
        row->lifetime += lifetime;
        ++row->ended;
      }
    }
    this->below_.deallocate(block, layout, caller);
  }

  // The rows, smallest sizes first.
  template <typename F>
  void for_each_row(F&& f) const noexcept {
    rows_.for_each_sorted([](const ProfileRow& a, const ProfileRow& b) noexcept { return a.key < b.key; }, f);
  }

  void print(const TextSink& out) const noexcept {
    out("          size  allocations         bytes   live blocks    live bytes  mean lifetime");
    for_each_row([&out](const ProfileRow& row) noexcept {
      Line size;
      size.number(row.least);
      if (row.most != row.least) {
        size.text("-").number(row.most);
      }
      Line line;
      line.fill(' ', size.view().size() < 14 ? 14 - size.view().size() : 0).text(size.view());
      line.number(row.allocations, 13).number(row.bytes, 14).number(row.live_blocks, 14);
      line.number(row.live_bytes, 14);
      if (row.ended != 0) {
        line.number(row.lifetime / row.ended, 15);
      }
      out(line.view());
    });
  }

  // How long the blocks lived that have ended, shortest first; rows without blocks are left out. Needs a clock.
  template <typename F>
  void for_each_lifetime(F&& f) const noexcept {
    for (std::size_t bits = 0; bits != lifetimes_.size(); ++bits) {
      if (lifetimes_[bits].blocks != 0) {
        const std::uint64_t least = bits == 0 ? 0 : std::uint64_t{1} << (bits - 1);
        f(LifetimeRow{least, least + (least == 0 ? 0 : least - 1), lifetimes_[bits].blocks,
                      lifetimes_[bits].bytes});
      }
    }
  }

  void print_lifetimes(const TextSink& out) const noexcept {
    out("                                lifetime        blocks         bytes");
    for_each_lifetime([&out](const LifetimeRow& row) noexcept {
      Line range;
      range.number(row.least);
      if (row.most != row.least) {
        range.text("-").number(row.most);
      }
      Line line;
      line.fill(' ', range.view().size() < 40 ? 40 - range.view().size() : 0).text(range.view());
      out(line.number(row.blocks, 14).number(row.bytes, 14).view());
    });
  }

  // All sizes together.
  const Usage& usage() const noexcept { return usage_; }

  // Since the profile began, and since the last call of rate_of_interval. Need a clock; without one all is 0.
  Rate rate() const noexcept { return meter_.since_start(usage_); }
  Rate rate_of_interval() noexcept { return meter_.since_last(usage_); }

  // Both rates as lines, rounded down to whole ones; ends the interval.
  void print_rates(const TextSink& out) noexcept {
    out("                allocations/s         frees/s         bytes/s");
    print_rate("since start", rate(), out);
    print_rate("interval", rate_of_interval(), out);
  }

  std::size_t unrecorded() const noexcept { return unrecorded_; }

  // All that is live is gone, by other ways than deallocate; how long it lived is not known. O(rows).
  void forget_live() noexcept {
    usage_.frees = usage_.allocations;
    usage_.live_bytes = 0;
    rows_.for_each([](ProfileRow& row) noexcept { row.live_blocks = row.live_bytes = 0; });
    births_.clear();
  }

 private:
  struct LifetimeCount {
    std::size_t blocks = 0;
    std::size_t bytes = 0;
  };

  static void print_rate(std::string_view name, const Rate& rate, const TextSink& out) noexcept {
    Line line;
    line.text(name).fill(' ', 13 - name.size());
    line.number(static_cast<std::uint64_t>(rate.allocations_per_second()), 16);
    line.number(static_cast<std::uint64_t>(rate.frees_per_second()), 16);
    out(line.number(static_cast<std::uint64_t>(rate.bytes_per_second()), 16).view());
  }

  struct Birth {
    std::uintptr_t key = 0;
    std::uint64_t time = 0;
  };

  // Row n holds the sizes of n bits: 0, 1, 2-3, 4-7, and so on.
  std::uintptr_t key_of(std::size_t bytes) const noexcept {
    return 1 + (options_.exact ? bytes : static_cast<std::size_t>(std::bit_width(bytes)));
  }

  ProfileRow* row_of(std::size_t bytes, CallerAddress caller) noexcept {
    const std::uintptr_t key = key_of(bytes);
    if (ProfileRow* row = rows_.find(key)) {
      return row;
    }
    if (!rows_.reserve(caller)) {
      ++unrecorded_;
      return nullptr;
    }
    ProfileRow row;
    row.key = key;
    row.least = options_.exact ? bytes : std::bit_floor(bytes);
    row.most = options_.exact ? bytes : row.least + (row.least == 0 ? 0 : row.least - 1);
    return &rows_.insert(row);
  }

  static void enter(ProfileRow& row, std::size_t bytes) noexcept {
    ++row.live_blocks;
    row.live_bytes += bytes;
  }
  // A row that could not be recorded at first may see blocks end that it has not seen begin.
  static void leave(ProfileRow& row, std::size_t bytes) noexcept {
    row.live_blocks -= row.live_blocks != 0;
    row.live_bytes -= row.live_bytes < bytes ? row.live_bytes : bytes;
  }

  void change_row(std::size_t from, std::size_t to, CallerAddress caller) noexcept {
    if (ProfileRow* row = rows_.find(key_of(from))) {
      leave(*row, from);
    }
    if (ProfileRow* row = row_of(to, caller)) {
      enter(*row, to);
    }
  }

  void remember(const void* block, std::uint64_t time, CallerAddress caller) noexcept {
    if (Birth* stale = births_.find(block)) {
      stale->time = time;
    } else if (births_.reserve(caller)) {
      births_.insert({address_of(block), time});
    } else {
      ++unrecorded_;
    }
  }

  Records<ProfileRow, R> rows_;
  Records<Birth, R> births_;
  ProfileOptions options_;
  RateMeter meter_;
  Usage usage_;
  std::array<LifetimeCount, 65> lifetimes_{};  // by the bits of the lifetime
  std::size_t unrecorded_ = 0;
};

}  // namespace weir
