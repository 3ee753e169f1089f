// The pages that belong to somebody: one bit for each page of the address space, in tables of 32 KiB for each
// gigabyte, mapped when first needed and kept. A gigabyte that is inserted whole needs no table.
//
// Thread-safe without locks, as long as a page is inserted and erased by one thread at a time: insert what
// has been mapped, erase before it is unmapped. May be used before initialisation and never allocates but by
// map_pages. contains() is two or three loads; insert and erase write a word for 64 pages.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pages.hpp"

namespace weir {

class PageSet {
 public:
  constexpr PageSet() noexcept = default;
  PageSet(const PageSet&) = delete;
  PageSet& operator=(const PageSet&) = delete;

  // False, and nothing has changed, when there is no memory for a table.
  bool insert(const void* address, std::size_t bytes) noexcept;

  // False, and nothing has changed, when there is no memory for a table. That is only needed for a part of
  // what was inserted at once.
  bool erase(const void* address, std::size_t bytes) noexcept;

  bool contains(const void* address) const noexcept {
    const auto page = reinterpret_cast<std::uintptr_t>(address) / kPageSize;
    const Root* root = root_.load(std::memory_order_acquire);
    if (root == nullptr || page / kTablePages >= kTables) return false;
    const std::uintptr_t slot = root->slots[page / kTablePages].load(std::memory_order_acquire);
    if ((slot & kWhole) != 0) return true;
    if (slot == 0) return false;
    const std::uint64_t word = table_of(slot)->words[page % kTablePages / 64].load(std::memory_order_relaxed);
    return (word >> (page % 64) & 1) != 0;
  }

 private:
  static constexpr std::size_t kAddressBits = 47;  // of a program on x86-64 and aarch64
  static constexpr std::size_t kTablePages = (std::size_t{1} << 30) / kPageSize;
  static constexpr std::size_t kTables = (std::size_t{1} << kAddressBits) / kPageSize / kTablePages;
  static constexpr std::uintptr_t kWhole =
      1;  // in a slot: all pages of this gigabyte, whatever its table says

  using Slot = std::atomic<std::uintptr_t>;  // a table's address or 0, and kWhole
  struct Table {
    std::atomic<std::uint64_t> words[kTablePages / 64];
  };
  struct Root {
    Slot slots[kTables];
  };

  static Table* table_of(std::uintptr_t slot) noexcept { return reinterpret_cast<Table*>(slot & ~kWhole); }
  static Table* existing_or_new_table(Slot& slot) noexcept;
  static void write(Table& table, std::size_t first, std::size_t last, bool present) noexcept;
  Root* existing_or_new_root() noexcept;

  std::atomic<Root*> root_ = nullptr;
};

}  // namespace weir
