// A hash table from 64-bit keys to 64-bit values that many threads read without a lock.
//
// Inserting and growing happen under the owner's lock. A reader sees an entry whole or not at all (the key
// is published last); one that still holds the table from before a growth finds what was there or nothing,
// and then asks again under the lock. Old tables stay mapped: together they are smaller than the newest.
// Key and value 0 mean "none". O(1). Memory from the table zone. Zero-initialised, valid before constructors.
#pragma once

#include <cstdint>

#include "shim/base/zones.hpp"

namespace weir {

class WordMap {
 public:
  // The value of `key`, or 0.
  std::uint64_t find(std::uint64_t key) const noexcept {
    const Table* t = __atomic_load_n(&table_, __ATOMIC_ACQUIRE);
    if (__builtin_expect(t == nullptr, 0)) return 0;
    const Entry* entries = t->entries();
    for (std::uint64_t i = spread(key) >> t->shift;; ++i) {
      const Entry& e = entries[i & t->mask];
      const std::uint64_t found = __atomic_load_n(&e.key, __ATOMIC_ACQUIRE);
      if (__builtin_expect(found == key, 1)) return __atomic_load_n(&e.value, __ATOMIC_RELAXED);
      if (found == 0) return 0;
    }
  }

  // Sets the value of `key`; without memory to grow it may be lost. Under the owner's lock.
  void insert(std::uint64_t key, std::uint64_t value) noexcept {
    if ((table_ == nullptr || count_ * 3 > table_->mask * 2) && !grow() && table_ == nullptr) return;
    Entry& e = place_of(*table_, key);
    if (e.key == 0) {
      if (count_ == table_->mask) return;
      ++count_;
    }
    __atomic_store_n(&e.value, value, __ATOMIC_RELAXED);
    __atomic_store_n(&e.key, key, __ATOMIC_RELEASE);
  }

  // Calls visit(key, value) for every value that is not 0. Under the owner's lock, or while all stands still.
  template <typename F>
  void for_each(F&& visit) const noexcept {
    for (std::uint64_t i = 0; table_ != nullptr && i <= table_->mask; ++i) {
      const Entry& e = table_->entries()[i];
      if (e.key != 0 && e.value != 0) visit(e.key, e.value);
    }
  }

  // Sets the values for which `dead(value)` holds to 0. Under the owner's lock. O(size).
  template <typename F>
  void forget_if(F&& dead) noexcept {
    if (table_ == nullptr) return;
    Entry* entries = table_->entries();
    for (std::uint64_t i = 0; i <= table_->mask; ++i) {
      if (entries[i].value != 0 && dead(entries[i].value))
        __atomic_store_n(&entries[i].value, 0, __ATOMIC_RELEASE);
    }
  }

 private:
  struct Entry {
    std::uint64_t key, value;
  };
  struct Table {
    std::uint64_t mask;
    std::uint64_t shift;
    Entry* entries() noexcept { return reinterpret_cast<Entry*>(this + 1); }
    const Entry* entries() const noexcept { return reinterpret_cast<const Entry*>(this + 1); }
  };
  static constexpr unsigned kFirstBits = 10;

  // Fibonacci hashing; the upper half is folded in because the top bits of addresses say little.
  static std::uint64_t spread(std::uint64_t key) noexcept { return (key ^ key >> 32) * 0x9e3779b97f4a7c15u; }

  static Entry& place_of(Table& t, std::uint64_t key) noexcept {
    std::uint64_t i = spread(key) >> t.shift;
    while (t.entries()[i & t.mask].key != 0 && t.entries()[i & t.mask].key != key) ++i;
    return t.entries()[i & t.mask];
  }

  bool grow() noexcept {
    const std::uint64_t bits = table_ == nullptr ? kFirstBits : 64 - table_->shift + 1;
    const std::uint64_t size = std::uint64_t{1} << bits;
    auto* bigger = static_cast<Table*>(table_zone.map(sizeof(Table) + size * sizeof(Entry)));
    if (bigger == nullptr) return false;
    bigger->mask = size - 1;
    bigger->shift = 64 - bits;
    for (std::uint64_t i = 0; table_ != nullptr && i <= table_->mask; ++i) {
      const Entry& e = table_->entries()[i];
      if (e.key != 0) place_of(*bigger, e.key) = e;
    }
    __atomic_store_n(&table_, bigger, __ATOMIC_RELEASE);
    return true;
  }

  Table* table_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace weir
