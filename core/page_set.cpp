#include "core/page_set.hpp"

#include <algorithm>

namespace weir {
namespace {

// The part of a range that lies in one gigabyte: pages [first, last) of its table.
struct Part {
  std::size_t table;
  std::size_t first;
  std::size_t last;
};

template <std::size_t kTablePages, typename Each>
void for_each_part(const void* address, std::size_t bytes, Each each) noexcept {
  auto page = reinterpret_cast<std::uintptr_t>(address) / kPageSize;
  const std::uintptr_t end = page + bytes / kPageSize;
  while (page < end) {
    const std::size_t first = page % kTablePages;
    const std::size_t last = std::min(kTablePages, first + (end - page));
    if (!each(Part{page / kTablePages, first, last})) return;
    page += last - first;
  }
}

}  // namespace

// Fresh pages are zero, and so are the atomics of an empty table and of an empty root.
PageSet::Root* PageSet::existing_or_new_root() noexcept {
  Root* existing = root_.load(std::memory_order_acquire);
  if (existing != nullptr) return existing;
  auto* const made = static_cast<Root*>(map_pages(sizeof(Root)));
  if (made == nullptr) return nullptr;
  if (root_.compare_exchange_strong(existing, made, std::memory_order_acq_rel)) return made;
  unmap_pages(made, sizeof(Root));
  return existing;
}

PageSet::Table* PageSet::existing_or_new_table(Slot& slot) noexcept {
  std::uintptr_t seen = slot.load(std::memory_order_acquire);
  if (table_of(seen) != nullptr) return table_of(seen);
  void* const made = map_pages(sizeof(Table));
  if (made == nullptr) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(made);
  while (table_of(seen) == nullptr) {
    if (slot.compare_exchange_weak(seen, seen | address, std::memory_order_acq_rel)) return table_of(address);
  }
  unmap_pages(made, sizeof(Table));
  return table_of(seen);
}

// A word may hold pages of others, whose bits are kept.
void PageSet::write(Table& table, std::size_t first, std::size_t last, bool present) noexcept {
  while (first < last) {
    const std::size_t bit = first % 64;
    const std::size_t count = std::min(64 - bit, last - first);
    const std::uint64_t mask = (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << bit;
    std::atomic<std::uint64_t>& word = table.words[first / 64];
    if (count == 64) {
      word.store(present ? mask : 0, std::memory_order_relaxed);
    } else if (present) {
      word.fetch_or(mask, std::memory_order_relaxed);
    } else {
      word.fetch_and(~mask, std::memory_order_relaxed);
    }
    first += count;
  }
}

bool PageSet::insert(const void* address, std::size_t bytes) noexcept {
  if (reinterpret_cast<std::uintptr_t>(address) + bytes > std::uintptr_t{1} << kAddressBits) return false;
  Root* const root = existing_or_new_root();
  bool have_tables = root != nullptr;
  for_each_part<kTablePages>(address, have_tables ? bytes : 0, [&](Part part) {
    const bool whole = part.last - part.first == kTablePages;
    have_tables = whole || existing_or_new_table(root->slots[part.table]) != nullptr;
    return have_tables;
  });
  for_each_part<kTablePages>(address, have_tables ? bytes : 0, [&](Part part) {
    Slot& slot = root->slots[part.table];
    if (part.last - part.first == kTablePages) {
      slot.fetch_or(kWhole, std::memory_order_acq_rel);
    } else {
      write(*table_of(slot.load(std::memory_order_acquire)), part.first, part.last, true);
    }
    return true;
  });
  return have_tables;
}

bool PageSet::erase(const void* address, std::size_t bytes) noexcept {
  Root* const root = root_.load(std::memory_order_acquire);
  bool have_tables = true;
  const auto is_part_of_whole = [](Part part, std::uintptr_t slot) {
    return (slot & kWhole) != 0 && part.last - part.first != kTablePages;
  };
  for_each_part<kTablePages>(address, bytes, [&](Part part) {
    Slot& slot = root->slots[part.table];
    if (is_part_of_whole(part, slot.load(std::memory_order_acquire))) {
      have_tables = existing_or_new_table(slot) != nullptr;
    }
    return have_tables;
  });
  for_each_part<kTablePages>(address, have_tables ? bytes : 0, [&](Part part) {
    Slot& slot = root->slots[part.table];
    const std::uintptr_t seen = slot.load(std::memory_order_acquire);
    if (is_part_of_whole(part, seen)) write(*table_of(seen), 0, kTablePages, true);
    if ((seen & kWhole) != 0) slot.fetch_and(~kWhole, std::memory_order_acq_rel);
    if (part.last - part.first != kTablePages) write(*table_of(seen), part.first, part.last, false);
    return true;
  });
  return have_tables;
}

}  // namespace weir
