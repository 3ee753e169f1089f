// Counts as Prometheus text (exposition format 0.0.4), for a /metrics of the program's own: a line to a sink, without
// memory.
//
//   const NamedCounts all[] = {{"requests", arena_counting.counts()}, {"cache", pool_counting.counts()}};
//   write_prometheus(all, sink);
//
// All allocators that one scrape shows go in one call: the format wants a metric's lines together. Names become the
// label `allocator`, escaped; a line has 512 bytes, so names should have less than 400. Counts are copies: whoever makes
// them reads them under the lock of the allocator, if it has one. Nothing is thread-safe but the tags. O(allocators).
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "counting.hpp"
#include "profiling.hpp"
#include "tagging.hpp"
#include "text.hpp"

namespace weir {

struct NamedCounts {
  std::string_view name;
  Counts counts;
};

namespace prometheus {

inline void write_head(std::string_view name, std::string_view type, std::string_view help,
                       const TextSink& out) noexcept {
  out(Line().text("# HELP ").text(name).text(" ").text(help).view());
  out(Line().text("# TYPE ").text(name).text(" ").text(type).view());
}

// name{label="value"
inline Line& begin(Line& line, std::string_view name, std::string_view label,
                   std::string_view value) noexcept {
  line.text(name).text("{").text(label).text("=\"");
  for (const char& c : value) {
    switch (c) {
      case '\n':
        line.text("\\n");
        break;
      case '"':
      case '\\':
        line.text("\\");
        [[fallthrough]];
      default:
        line.text({&c, 1});
    }
  }
  return line.text("\"");
}

}  // namespace prometheus

inline void write_prometheus(std::span<const NamedCounts> all, const TextSink& out) noexcept {
  struct Metric {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::size_t (*value)(const Counts&) noexcept;
  };
  static constexpr Metric kMetrics[] = {
      {"weir_allocations_total", "counter", "Blocks that were allocated.",
       [](const Counts& c) noexcept { return c.allocations; }},
      {"weir_frees_total", "counter", "Blocks that were given back.",
       [](const Counts& c) noexcept { return c.frees; }},
      {"weir_allocated_bytes_total", "counter", "Bytes that were asked for, and what blocks grew by.",
       [](const Counts& c) noexcept { return c.total_bytes; }},
      {"weir_freed_bytes_total", "counter", "Bytes that were given back, and what blocks shrank by.",
       [](const Counts& c) noexcept { return c.total_bytes - c.live_bytes; }},
      {"weir_allocation_failures_total", "counter", "Requests for a block that had none.",
       [](const Counts& c) noexcept { return c.failures; }},
      {"weir_resizes_total", "counter", "Blocks that changed their size, in place or not.",
       [](const Counts& c) noexcept { return c.resizes + c.remaps; }},
      {"weir_live_blocks", "gauge", "Blocks in use.",
       [](const Counts& c) noexcept { return c.live_blocks(); }},
      {"weir_live_bytes", "gauge", "Bytes in use.", [](const Counts& c) noexcept { return c.live_bytes; }},
      {"weir_peak_bytes", "gauge", "The most bytes that were in use at one time.",
       [](const Counts& c) noexcept { return c.peak_bytes; }},
  };
  for (const Metric& metric : kMetrics) {
    prometheus::write_head(metric.name, metric.type, metric.help, out);
    for (const NamedCounts& one : all) {
      Line line;
      prometheus::begin(line, metric.name, "allocator", one.name).text("} ");
      out(line.number(metric.value(one.counts)).view());
    }
  }
}

// The sizes that a Profiling has seen, as a histogram. Each bucket ends with the largest size of a row.
template <typename P>
void write_prometheus_sizes(const P& profiling, std::string_view name, const TextSink& out) noexcept {
  constexpr std::string_view kName = "weir_allocation_size_bytes";
  prometheus::write_head(kName, "histogram", "Sizes that were asked for.", out);
  std::size_t count = 0;
  std::size_t bytes = 0;
  profiling.for_each_row([&](const ProfileRow& row) noexcept {
    count += row.allocations;
    bytes += row.bytes;
    Line line;
    prometheus::begin(line, "weir_allocation_size_bytes_bucket", "allocator", name);
    out(line.text(",le=\"").number(row.most).text("\"} ").number(count).view());
  });
  Line last;
  prometheus::begin(last, "weir_allocation_size_bytes_bucket", "allocator", name);
  out(last.text(",le=\"+Inf\"} ").number(count).view());
  Line sum;
  out(prometheus::begin(sum, "weir_allocation_size_bytes_sum", "allocator", name)
          .text("} ")
          .number(bytes)
          .view());
  Line all;
  out(prometheus::begin(all, "weir_allocation_size_bytes_count", "allocator", name)
          .text("} ")
          .number(count)
          .view());
}

// What the subsystems have live, by their tags.
inline void write_prometheus(std::initializer_list<const Tag*> tags, const TextSink& out) noexcept {
  struct Metric {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::size_t (Tag::*value)() const noexcept;
  };
  static constexpr Metric kMetrics[] = {
      {"weir_tag_live_bytes", "gauge", "Bytes in use by a subsystem.", &Tag::live_bytes},
      {"weir_tag_live_blocks", "gauge", "Blocks in use by a subsystem.", &Tag::live_blocks},
      {"weir_tag_peak_bytes", "gauge", "The most bytes that a subsystem used at one time.", &Tag::peak_bytes},
      {"weir_tag_allocated_bytes_total", "counter", "Bytes that a subsystem asked for.", &Tag::total_bytes},
  };
  for (const Metric& metric : kMetrics) {
    prometheus::write_head(metric.name, metric.type, metric.help, out);
    for (const Tag* tag : tags) {
      Line line;
      prometheus::begin(line, metric.name, "tag", tag->name()).text("} ");
      out(line.number((tag->*metric.value)()).view());
    }
  }
}

}  // namespace weir
