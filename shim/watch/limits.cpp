#include "shim/watch/limits.hpp"

#include <atomic>

#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/route/targets.hpp"
#include "shim/watch/block_words.hpp"
#include "shim/watch/limits_report.hpp"
#include "shim/watch/limits_rss.hpp"
#include "shim/watch/limits_rules.hpp"
#include "shim/watch/option_mistake.hpp"
#include "shim/watch/site_answers.hpp"
#include "shim/watch/thread_label.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::limits {
namespace {

// Each on a cache line of its own.
struct alignas(64) Sum {
  std::atomic<std::int64_t> live;
  std::atomic<std::int64_t> peak;
  std::atomic<std::uint64_t> refusals;
  std::atomic<bool> told;  // reported, and not yet an eighth below since
};

constinit LimitRules rules;
constinit CallSites sites{"limit"};
constinit SiteAnswers answers;
constinit Sum sums[kMostLimits];
constinit RuleMask by_site = 0;               // limits with a condition on the call site
constinit RuleMask by_thread = 0;             // on the thread
constinit RuleMask by_route = 0;              // on the route
constinit RuleMask live_limits = 0;           // on live bytes
constinit RuleMask on_route[kMostRules + 1];  // limits that hold for blocks of each rule of WEIR_ROUTES
constinit BlocksEnd* next_blocks_end = nullptr;

std::uint64_t word_of(std::size_t bytes, RuleMask mask) noexcept {
  return bytes | std::uint64_t{mask} << kBytesBits;
}
std::int64_t bytes_of(std::uint64_t word) noexcept {
  return static_cast<std::int64_t>(word & kBytesMask);
}
RuleMask mask_of(std::uint64_t word) noexcept {
  return static_cast<RuleMask>((word & kLimitBits) >> kBytesBits);
}
std::int64_t limit_of(unsigned i) noexcept {
  return static_cast<std::int64_t>(rules.rule[i].bytes);
}

template <typename F>
void for_each_bit(RuleMask mask, F&& visit) noexcept {
  for (; mask != 0; mask &= mask - 1) visit(static_cast<unsigned>(__builtin_ctz(mask)));
}

// The rules of WEIR_ROUTES that the limit is about; false, with a line, where there is none.
bool find_routes(unsigned limit) noexcept {
  const std::string_view pattern = rules.rule[limit].route;
  bool found = false;
  for (unsigned i = 0; i <= route_rules.count; ++i) {
    const bool named = i < route_rules.count && glob_matches(pattern, name_of_rule(i));
    const unsigned rule = i < route_rules.count ? i : kNoRule;
    if (pattern.empty() || named) on_route[rule] |= RuleMask{1} << limit;
    found |= named;
  }
  if (pattern.empty() || found) return true;
  Line line;
  line.text("weir: limit: no rule of WEIR_ROUTES is called '").text(pattern).text("'");
  for (unsigned i = 0; i < route_rules.count; ++i) {
    line.text(i == 0 ? "; there are: " : ", ").text(name_of_rule(i));
  }
  line.text("; the limit '").text(rules.rule[limit].text).text("' counts nothing").say();
  return false;
}

// A scope of an arena ends many blocks at once, which nobody frees.
void end_blocks(char* start, char* end) noexcept {
  block_words::take_range(start, end, [](std::uint64_t word) { let_go(word); });
  if (next_blocks_end != nullptr) next_blocks_end(start, end);
}

RuleMask matching(WatchedCall call, CallSite site) noexcept {
  RuleMask holds = 0;
  for (unsigned i = 0; i < rules.count(); ++i) {
    const RouteConditions& when = rules.when.rule[i].when;
    if (size_holds(when, call.bytes) && alignment_holds(when, call.alignment) &&
        call_holds(when, call.call)) {
      holds |= RuleMask{1} << i;
    }
  }
  for_each_bit(holds & by_thread, [&](unsigned i) {
    if (!thread_holds(rules.when.rule[i].when, thread_label().name())) holds &= ~(RuleMask{1} << i);
  });
  if ((holds & by_route) != 0) {
    holds &= on_route[rule_for({call.bytes, call.alignment, call.call, site.ip}, thread_cache())];
  }
  if ((holds & by_site) != 0) holds &= answers.of(sites, site.ip);
  return holds;
}

void raise_peak(Sum& sum, std::int64_t live) noexcept {
  std::int64_t peak = sum.peak.load(std::memory_order_relaxed);
  while (live > peak && !sum.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

// False where the bytes do not fit; then nothing was added. `now` is the sum with them.
bool add(unsigned i, std::int64_t bytes, std::int64_t& now) noexcept {
  Sum& sum = sums[i];
  if (rules.rule[i].action != LimitAction::kFail || bytes <= 0) {
    now = sum.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  } else {
    std::int64_t before = sum.live.load(std::memory_order_relaxed);
    do {
      now = before + bytes;
      if (now > limit_of(i)) return false;
    } while (!sum.live.compare_exchange_weak(before, now, std::memory_order_relaxed));
  }
  if (now > sum.peak.load(std::memory_order_relaxed)) raise_peak(sum, now);
  return true;
}

void subtract(unsigned i, std::int64_t bytes) noexcept {
  const std::int64_t now = sums[i].live.fetch_sub(bytes, std::memory_order_relaxed) - bytes;
  if (__builtin_expect(sums[i].told.load(std::memory_order_relaxed), 0) &&
      now <= limit_of(i) - limit_of(i) / 8) {
    sums[i].told.store(false, std::memory_order_relaxed);
  }
}

// The limit is exceeded by this request. True when it must fail.
WEIR_COLD bool exceed(unsigned i, IncidentCall name, WatchedCall call, CallSite site,
                      std::uint64_t now) noexcept {
  const LimitRule& rule = rules.rule[i];
  const Excess excess{rule, i, now, name, call.bytes, site};
  switch (rule.action) {
    case LimitAction::kFail:
      if (sums[i].refusals.fetch_add(1, std::memory_order_relaxed) == 0) say_refusal(excess);
      return true;
    case LimitAction::kReport:
      if (rule.kind == LimitKind::kRequest ? is_new_place(i, site.ip) : !sums[i].told.exchange(true)) {
        report_excess(excess);
      }
      return false;
    case LimitAction::kAbort:
      report_and_abort(excess);
  }
  return false;
}

std::int64_t credit(unsigned i, std::uint64_t old_word) noexcept {
  return (mask_of(old_word) >> i & 1) != 0 ? bytes_of(old_word) : 0;
}

void take_back(RuleMask added, std::size_t bytes, std::uint64_t old_word) noexcept {
  for_each_bit(added,
               [&](unsigned i) { subtract(i, static_cast<std::int64_t>(bytes) - credit(i, old_word)); });
}

bool rss_exceeds(unsigned i, std::size_t bytes, std::uint64_t& now) noexcept {
  const LimitRule& rule = rules.rule[i];
  now = resident_bytes(bytes, rule.bytes, rule.action != LimitAction::kReport);
  if (now + bytes > rule.bytes) return true;
  if (now <= rule.bytes - rule.bytes / 8) sums[i].told.store(false, std::memory_order_relaxed);
  return false;
}

}  // namespace

bool set_up() noexcept {
  const std::string_view text = options.limit;
  if (text.empty()) return false;
  const unsigned mistakes = parse_limits(text, rules, [&](const RouteMistake& mistake) noexcept {
    say_option_mistake("limit", text, mistake, "this limit is left out");
  });
  if (mistakes != 0 && options.strict) {
    Line().text("weir: limit has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  for (unsigned i = 0; i < rules.count(); ++i) {
    const RouteConditions& when = rules.when.rule[i].when;
    const RuleMask bit = RuleMask{1} << i;
    if (!when.module.empty() || needs_names(when)) by_site |= bit;
    if (!when.thread.empty()) by_thread |= bit;
    if (!rules.rule[i].route.empty()) by_route |= bit;
    if (rules.rule[i].kind == LimitKind::kLive) live_limits |= bit;
    find_routes(i);
  }
  if (rules.count() == 0) return false;
  if (live_limits != 0 && !block_words::start()) {
    Line().text("weir: limit: no memory to count blocks; limits on live bytes count nothing").say();
  }
  if (by_site != 0 && !answers.start()) return false;
  sites.watch(rules.when);
  if (live_limits != 0) {
    next_blocks_end = blocks_end;
    blocks_end = end_blocks;
  }
  return true;
}

void forget_refusals() noexcept {
  for (Sum& sum : sums) sum.refusals.store(0, std::memory_order_relaxed);
}

void say_refusals() noexcept {
  for (unsigned i = 0; i < rules.count(); ++i) {
    const std::uint64_t count = sums[i].refusals.load(std::memory_order_relaxed);
    if (count < 2) continue;  // the first was told
    Line line;
    line.text("weir: limit '").text(rules.rule[i].text).text("': ").number(count).text(" requests failed");
    if (rules.rule[i].kind == LimitKind::kLive) {
      line.text(", at most ")
          .signed_number(sums[i].peak.load(std::memory_order_relaxed))
          .text(" byte(s) live");
    }
    line.say();
  }
}

Grant admit(IncidentCall name, WatchedCall call, CallSite site, std::uint64_t old_word) noexcept {
  if (call.bytes > kBytesMask || (this_thread != nullptr && this_thread->own_work)) return {0, false};
  const RuleMask holds = matching(call, site);
  const auto bytes = static_cast<std::int64_t>(call.bytes);
  RuleMask added = 0;
  bool refused = false;
  for_each_bit(holds, [&](unsigned i) {
    if (refused) return;
    const LimitRule& rule = rules.rule[i];
    std::uint64_t now = 0;
    bool exceeds = false;
    if (rule.kind == LimitKind::kRequest) {
      exceeds = call.bytes > rule.bytes;
    } else if (rule.kind == LimitKind::kRss) {
      exceeds = rss_exceeds(i, call.bytes, now);
    } else {
      const std::int64_t more = bytes - credit(i, old_word);
      std::int64_t live = 0;
      if (add(i, more, live)) {
        added |= RuleMask{1} << i;
        exceeds = live > limit_of(i) && more > 0;
        now = static_cast<std::uint64_t>(live - more);
      } else {
        exceeds = true;
        now = static_cast<std::uint64_t>(live - more);
      }
    }
    if (__builtin_expect(exceeds, 0)) refused = exceed(i, name, call, site, now);
  });
  if (refused) {
    take_back(added, call.bytes, old_word);
    return {0, true};
  }
  return {word_of(call.bytes, added), false};
}

// A block may be on another route than the request thought: the route was full, or realloc left it in place.
void settle(Grant grant, std::uint64_t old_word, void* block) noexcept {
  RuleMask added = mask_of(grant.word);
  const std::int64_t bytes = bytes_of(grant.word);
  if (block == nullptr) return take_back(added, static_cast<std::size_t>(bytes), old_word);
  const RuleMask left = mask_of(old_word) & ~added;
  if (((added | left) & by_route) != 0) {
    const RuleMask right = on_route[routed::rule_of_block(block)];
    for_each_bit(added & by_route & ~right, [&](unsigned i) { subtract(i, bytes); });
    const RuleMask stays = left & by_route & right;  // where the request thought that it would move
    for_each_bit(stays, [&](unsigned i) { sums[i].live.fetch_add(bytes, std::memory_order_relaxed); });
    added = (added & (right | ~by_route)) | stays;
  }
  for_each_bit(left, [&](unsigned i) { subtract(i, bytes_of(old_word)); });
  if (added == 0) return;
  if (!block_words::put(block, word_of(static_cast<std::size_t>(bytes), added))) {
    for_each_bit(added, [&](unsigned i) { subtract(i, bytes); });
  }
}

void let_go(std::uint64_t word) noexcept {
  for_each_bit(mask_of(word), [&](unsigned i) { subtract(i, bytes_of(word)); });
}

}  // namespace weir::limits
