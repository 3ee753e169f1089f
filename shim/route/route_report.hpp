// What is told of each rule with stats=1, before it has a form.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/route_matches.hpp"
#include "shim/route/route_counts.hpp"

namespace weir {

struct RouteReport {
  std::string_view name, target, text;
  RouteCounts counts;
  std::uint64_t page_bytes, peak_page_bytes, chunks;
  std::uint64_t high_water;  // of a fixed buffer
  std::uint64_t capacity;
};

struct RouteNames {
  RouteName name[kMostRules];
};

// The rules in their order, and last what none took: at most kMostRules + 1. `names` must outlive them. `stands_still`:
// no other thread counts meanwhile, or some counts more or less do not matter any more.
unsigned describe_routes(RouteReport* to, RouteNames& names, bool stands_still) noexcept;

// To log_path.
void print_route_table(const RouteReport* reports, unsigned count) noexcept;

// To stats_path, if there is one: as JSON, or for Prometheus where it ends in ".prom". With stats_every who reads the file
// sees the old one or the new one whole. False, after a line that says so, where it can't be opened: they went to stderr.
bool write_stats(const RouteReport* reports, unsigned count) noexcept;

}  // namespace weir
