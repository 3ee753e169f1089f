// Records by key (mostly: by the address of a block), in memory of an allocator of their own.
//
// Open addressing with linear probing and backward-shift deletion (Knuth 6.4, algorithm R); twice as large
// when it is three quarters full. A lookup is constant on average. Growing may fail: reserve() is asked
// before, insert() then cannot fail. Records move: pointers hold until the next insert or take.
// Not thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <type_traits>

#include "../allocator.hpp"
#include "../page_allocator.hpp"

namespace weir {

// `Record` has `std::uintptr_t key`, which is never 0 in a table.
template <typename Record, Allocator A>
class Records {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  explicit Records(A& memory) noexcept : memory_(memory) {}
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;
  ~Records() { release(); }

  // Makes room for one more record, or answers false and nothing has changed.
  bool reserve(CallerAddress caller) noexcept { return (size_ + 1) * 4 <= capacity_ * 3 || grow(caller); }

  // The key must not be in the table, and reserve() must have answered true since the last insert.
  Record& insert(const Record& record) noexcept {
    std::size_t at = home(record.key);
    while (slots_[at].key != 0) {
      at = next(at);
    }
    ++size_;
    return slots_[at] = record;
  }

  Record* find(std::uintptr_t key) noexcept {
    if (size_ == 0) {
      return nullptr;
    }
    for (std::size_t at = home(key); slots_[at].key != 0; at = next(at)) {
      if (slots_[at].key == key) {
        return &slots_[at];
      }
    }
    return nullptr;
  }
  Record* find(const void* block) noexcept { return find(address_of(block)); }

  // Some record, or nullptr when there is none. Where the last one was, the next is looked for.
  Record* any() noexcept {
    for (; size_ != 0; any_ = next(any_)) {
      if (slots_[any_ & (capacity_ - 1)].key != 0) {
        return &slots_[any_ &= capacity_ - 1];
      }
    }
    return nullptr;
  }

  // Takes out a record that find() gave, and answers with it.
  Record take(Record* found) noexcept {
    const Record taken = *found;
    auto hole = static_cast<std::size_t>(found - slots_);
    for (std::size_t at = next(hole); slots_[at].key != 0; at = next(at)) {
      // It may fill the hole if its home does not lie between the two.
      if (((at - home(slots_[at].key)) & (capacity_ - 1)) >= ((at - hole) & (capacity_ - 1))) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole].key = 0;
    --size_;
    return taken;
  }

  std::size_t size() const noexcept { return size_; }

  void clear() noexcept {
    std::fill_n(slots_, capacity_, Record{});
    size_ = 0;
  }

  // In no order. `f` must not insert or take.
  template <typename F>
  void for_each(F&& f) const noexcept {
    for (std::size_t at = 0; at != capacity_; ++at) {
      if (slots_[at].key != 0) {
        f(slots_[at]);
      }
    }
  }

  // In the order of `before(a, b)`; in no order when there is no memory for sorting.
  template <typename Before, typename F>
  void for_each_sorted(Before before, F&& f) const noexcept {
    const Layout layout = Layout::of<void*>(size_);
    auto* sorted = static_cast<const Record**>(memory_.allocate(layout, WEIR_CALLER()));
    if (sorted == nullptr) {
      for_each(f);
      return;
    }
    const Record** end = sorted;
    for_each([&end](const Record& record) noexcept { *end++ = &record; });
    std::sort(sorted, end, [&before](const Record* a, const Record* b) { return before(*a, *b); });
    for (const Record** at = sorted; at != end; ++at) {
      f(**at);
    }
    memory_.deallocate(static_cast<void*>(sorted), layout, WEIR_CALLER());
  }

 private:
  static constexpr std::size_t kFirstCapacity = 64;

  // Fibonacci hashing (Knuth 6.4): the high bits of the product are the mixed ones.
  std::size_t home(std::uintptr_t key) const noexcept {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> 32) & (capacity_ - 1);
  }
  std::size_t next(std::size_t at) const noexcept { return (at + 1) & (capacity_ - 1); }

  bool grow(CallerAddress caller) noexcept {
    const std::size_t wider = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    void* memory = memory_.allocate(Layout::of<Record>(wider), caller);
    if (memory == nullptr) {
      return false;
    }
    Record* old = slots_;
    const std::size_t old_capacity = capacity_;
    slots_ = static_cast<Record*>(memory);
    capacity_ = wider;
    size_ = 0;
    std::uninitialized_fill_n(slots_, wider, Record{});
    for (std::size_t at = 0; at != old_capacity; ++at) {
      if (old[at].key != 0) {
        insert(old[at]);
      }
    }
    give_back(old, old_capacity);
    return true;
  }

  void release() noexcept { give_back(slots_, capacity_); }

  void give_back(Record* slots, std::size_t capacity) noexcept {
    if (slots != nullptr) {
      memory_.deallocate(slots, Layout::of<Record>(capacity), WEIR_CALLER());
    }
  }

  A& memory_;
  Record* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t any_ = 0;
};

}  // namespace weir
