// What the tests of spans share: what a span holds, and a model of those that are out.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <vector>

#include "shim/route/units.hpp"

namespace weir {

inline constexpr std::uint16_t kKinds[] = {1, 7, 600, kChunkKind, kLargeKind, kPageKind, kFixedKind};

inline std::uint64_t* words_of(UnitIndex first) {
  return reinterpret_cast<std::uint64_t*>(unit_address(first));
}
inline std::size_t words_in(unsigned order) {
  return (kUnitBytes << order) / sizeof(std::uint64_t);
}

// A word here and there, first and last of each page among them: what a page that was lost or shared shows.
template <typename F>
void for_some_words(UnitIndex first, unsigned order, F&& f) {
  constexpr std::size_t kPage = 4096 / sizeof(std::uint64_t);
  std::uint64_t* const words = words_of(first);
  for (std::size_t page = 0; page < words_in(order); page += kPage) {
    for (const std::size_t i : {std::size_t{0}, kPage / 3, kPage - 1}) f(words[page + i], page + i);
  }
}

inline void fill(UnitIndex first, unsigned order, std::uint64_t with) {
  for_some_words(first, order, [&](std::uint64_t& word, std::size_t i) { word = with + i; });
}
inline std::size_t spoiled(UnitIndex first, unsigned order, std::uint64_t with) {
  std::size_t count = 0;
  for_some_words(first, order, [&](std::uint64_t& word, std::size_t i) { count += word != with + i; });
  return count;
}
inline bool is_zero(UnitIndex first, unsigned order) {
  const std::uint64_t* const words = words_of(first);
  return std::all_of(words, words + words_in(order), [](std::uint64_t word) { return word == 0; });
}
inline bool is_tagged(UnitIndex first, unsigned order, std::uint16_t kind) {
  for (UnitIndex i = 0; i < UnitIndex{1} << order; ++i) {
    if (tag_of(first + i).kind() != kind || tag_of(first + i).behind() != i) return false;
    if (first_unit_of(first + i) != first) return false;
  }
  return true;
}

// How many bytes of the span's pages are in memory.
inline std::size_t resident(UnitIndex first, unsigned order) {
  std::vector<unsigned char> pages((kUnitBytes << order) / 4096);
  EXPECT_EQ(mincore(unit_address(first), kUnitBytes << order, pages.data()), 0);
  return 4096 * static_cast<std::size_t>(std::ranges::count_if(pages, [](auto page) { return page & 1; }));
}

struct Span {
  unsigned order;
  std::uint16_t kind;
  std::uint64_t mark;
};

// The spans that are out, by first unit. take() and give() check the store against it.
class SpanModel {
 public:
  void take(unsigned order, std::uint16_t kind) {
    bool zeroed = false;
    const UnitIndex first = take_span(order, kind, &zeroed);
    ASSERT_NE(first, 0u);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(unit_address(first)) % (kUnitBytes << order), 0u);
    const UnitIndex end = first + (UnitIndex{1} << order);
    ASSERT_TRUE(is_mapped_unit(end - 1));
    const auto behind = out_.lower_bound(first);
    ASSERT_TRUE(behind == out_.end() || behind->first >= end) << "overlaps the span behind";
    if (behind != out_.begin()) {
      const auto& [before, span] = *std::prev(behind);
      ASSERT_LE(before + (UnitIndex{1} << span.order), first) << "overlaps the span before";
    }
    ASSERT_TRUE(is_tagged(first, order, kind));
    ASSERT_EQ(info_of(first).order, order);
    ASSERT_EQ(info_of(first).used + info_of(first).carved + info_of(first).retained, 0u);
    ASSERT_EQ(info_of(first).back, 0u);
    if (zeroed) {
      ++zeroed_;
      ASSERT_TRUE(is_zero(first, order));
    }
    const Span span = {order, kind, ++mark_ << 32};
    fill(first, order, span.mark);
    // What its owner writes there is its own.
    info_of(first).back = info_of(first).carved = info_of(first).used = 0xabcd;
    info_of(first).previous = info_of(first).next = first;
    info_of(first).retained = 1;
    out_.emplace(first, span);
    units_ += std::size_t{1} << order;
    highest_ = std::max(highest_, end);
  }

  void give(std::map<UnitIndex, Span>::iterator at, bool now) {
    const auto [first, span] = *at;
    ASSERT_EQ(spoiled(first, span.order, span.mark), 0u);
    ASSERT_TRUE(is_tagged(first, span.order, span.kind));
    out_.erase(at);
    units_ -= std::size_t{1} << span.order;
    give_span(first, now);
    if (now) {
      ASSERT_EQ(resident(first, span.order), 0u);
    }
  }

  template <typename Random>
  void give_any(Random& random, bool now) {
    auto at = out_.lower_bound(static_cast<UnitIndex>(random() % highest_));
    give(at == out_.end() ? out_.begin() : at, now);
  }

  void check_all() const {
    for (const auto& [first, span] : out_) {
      ASSERT_EQ(spoiled(first, span.order, span.mark), 0u);
      ASSERT_TRUE(is_tagged(first, span.order, span.kind));
    }
  }

  bool empty() const { return out_.empty(); }
  std::size_t units() const { return units_; }
  std::size_t zeroed() const { return zeroed_; }
  const std::map<UnitIndex, Span>& out() const { return out_; }

 private:
  std::map<UnitIndex, Span> out_;
  std::size_t units_ = 0, zeroed_ = 0;
  UnitIndex highest_ = 1;
  std::uint64_t mark_ = 0;
};

}  // namespace weir
