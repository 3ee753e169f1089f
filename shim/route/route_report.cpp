// The routes' part of what is said at exit: what is counted for each rule, and a table for people, eighty columns wide.
#include "shim/route/route_report.hpp"

#include <errno.h>

#include <atomic>
#include <string_view>

#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/program_name.hpp"
#include "shim/route/route_life.hpp"
#include "shim/route/routes.hpp"
#include "shim/route/thread_cache.hpp"

namespace weir {
namespace {

RouteReport describe(unsigned i, const RouteCounts& counts, const RouteNames& names) noexcept {
  RouteReport r{};
  r.counts = counts;
  if (i == kNoRule) {
    r.name = "(no rule)";
    r.target = "parent";
    return r;
  }
  const RouteRule& rule = route_rules.rule[i];
  r.name = names.name[i].view();
  r.target = word_of(rule.target);
  r.text = rule.text;
  r.capacity = rule.with.capacity;
  if (rule.target == RouteTarget::kPool && routes[i].target == RouteTarget::kPool) {
    const PoolUse use = pool_use(routes[i].pool);
    r.page_bytes = use.span_bytes;
    r.peak_page_bytes = use.peak_span_bytes;
    r.chunks = use.spans;
  } else {
    const ArenaRoute& arena = arena_routes[i];
    r.page_bytes = arena.chunk_use.load(std::memory_order_relaxed);
    r.peak_page_bytes = arena.peak_chunk_use.load(std::memory_order_relaxed);
    r.chunks = arena.chunks.load(std::memory_order_relaxed);
    r.high_water = arena.peak_used.load(std::memory_order_relaxed);
  }
  return r;
}

// A line with columns.
class TableRow {
 public:
  TableRow& left(std::string_view s, std::size_t width) noexcept {
    line_.text(s.substr(0, width));
    for (std::size_t i = s.size(); i < width; ++i) line_.text(" ");
    return *this;
  }
  TableRow& right(std::string_view s, std::size_t width) noexcept {
    for (std::size_t i = s.size(); i < width; ++i) line_.text(" ");
    line_.text(s);
    return *this;
  }
  TableRow& number(std::uint64_t n, std::size_t width) noexcept {
    return right(Line().number(n).view(), width);
  }

  // Three digits and a unit.
  TableRow& bytes(std::int64_t signed_bytes, std::size_t width) noexcept {
    auto n = static_cast<std::uint64_t>(signed_bytes < 0 ? 0 : signed_bytes);
    constexpr std::string_view kUnits = "BKMGT";
    std::size_t unit = 0;
    std::uint64_t tenths = n * 10;
    while (tenths >= 10240 && unit + 1 < kUnits.size()) {
      tenths = (tenths + 512) / 1024;
      ++unit;
    }
    Line text;
    text.number(tenths / 10);
    if (unit != 0 && tenths < 1000) text.text(".").number(tenths % 10);
    if (unit != 0 || n != 0) text.text(kUnits.substr(unit, 1));
    return right(text.view(), width);
  }
  TableRow& percent(std::uint64_t part, std::uint64_t whole, std::size_t width) noexcept {
    const std::uint64_t tenths = whole != 0 ? part * 1000 / whole : 0;
    return right(Line().number(tenths / 10).text(".").number(tenths % 10).text("%").view(), width);
  }
  void say(int fd) noexcept { line_.say_to(fd); }

 private:
  Line line_;
};

void print_table(int fd, const RouteReport* reports, unsigned count) noexcept {
  Line()
      .text("==")
      .number(static_cast<std::uint64_t>(sys::getpid()))
      .text("== weir: routes of ")
      .text(program_name())
      .say_to(fd);
  TableRow()
      .left("route", 18)
      .right("allocations", 12)
      .right("live", 7)
      .right("peak", 7)
      .right("pages", 7)
      .right("rounding", 9)
      .right("to parent", 10)
      .right("failed", 7)
      .say(fd);
  for (unsigned i = 0; i < count; ++i) {
    const RouteReport& r = reports[i];
    const RouteCounts& c = r.counts;
    TableRow row;
    row.left(r.name, 18).number(c.allocations, 12).bytes(c.live_bytes, 7).bytes(c.peak_bytes, 7);
    row.bytes(static_cast<std::int64_t>(r.peak_page_bytes), 7);
    row.percent(c.granted_bytes - c.requested_bytes, c.granted_bytes, 9);
    row.number(c.fallbacks, 10).number(c.failures, 7).say(fd);
  }
  Line().text("(live and peak: of blocks; pages: most that the route held; rounding: lost)").say_to(fd);
}

}  // namespace

unsigned describe_routes(RouteReport* to, RouteNames& names, bool stands_still) noexcept {
  RouteCounts sums[kMostRules + 1] = {};
  if (stands_still) {
    sum_counts(sums);
  } else {
    read_counts(sums);
  }
  unsigned count = 0;
  for (unsigned i = 0; i < route_rules.count; ++i) {
    names.name[i] = route_name(route_rules, i);
    to[count++] = describe(i, sums[i], names);
  }
  to[count++] = describe(kNoRule, sums[kNoRule], names);
  return count;
}

void print_route_table(const RouteReport* reports, unsigned count) noexcept {
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  print_table(fd, reports, count);
  if (opened) sys::close(fd);
}

void report_routes() noexcept {
  static constinit std::atomic<bool> reported{false};
  if (!options.stats || reported.exchange(true)) return;
  RouteReport reports[kMostRules + 1];
  RouteNames names;
  const unsigned count = describe_routes(reports, names, true);
  std::uint64_t requests = 0;
  for (unsigned i = 0; i < count; ++i) requests += reports[i].counts.allocations + reports[i].counts.failures;
  if (requests == 0 && options.summary != kSummaryAlways) return;  // a fork that only executes
  print_route_table(reports, count);
  write_stats(reports, count);
}

}  // namespace weir
