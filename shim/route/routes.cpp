#include "shim/route/routes.hpp"

#include "core/pages.hpp"
#include "shim/abi/route_parser.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/read_routes.hpp"
#include "shim/route/stats_clock.hpp"
#include "shim/route/thread_cache.hpp"
#include "shim/track/tags.hpp"
#include "shim/track/tracked_heap.hpp"

namespace weir {

constinit RouteRules route_rules;
constinit Route routes[kMostRules + 1];
constinit unsigned pool_count = 0;
constinit bool routing = false;
constinit bool sites_matter = false;
constinit bool threads_matter = false;
constinit std::size_t way_bytes = 0;
constinit Lane shared_lanes[kMostRules]{};

namespace {

// A buffer and its header are one span.
static_assert(kMostFixedCapacity <= (kUnitBytes << kMostOrder) / 2);

constinit unsigned rule_of[kMostPools];
constinit char names[kMostRules][kLongestRouteName + 9];
constinit char files[kMostRules][256];

void say_of_rule(const RouteRule& rule, std::string_view what) noexcept {
  Line().text("weir: WEIR_ROUTES: ").text(what).text(": ").text(rule.text).say();
}

// The path with an end, as the system wants it.
const char* keep_path(unsigned rule, std::string_view path) noexcept {
  if (path.empty()) return nullptr;
  const std::size_t n = path.copy(files[rule], sizeof files[rule] - 1);
  files[rule][n] = '\0';
  return files[rule];
}

void set_up_pool(unsigned i, const RouteRule& rule) noexcept {
  if (pool_count == kMostPools) {
    say_of_rule(rule, "more than 16 pools; this one's blocks come from the parent");
    routes[i].target = RouteTarget::kParent;
    return;
  }
  rule_of[pool_count] = i;
  set_pool_limits(pool_count, {rule.with.capacity, rule.with.retain, rule.with.huge});
  routes[i].pool = static_cast<std::uint8_t>(pool_count++);
}

void set_up_arena(unsigned i, const RouteRule& rule) noexcept {
  ArenaRoute& arena = arena_routes[i];
  arena.route = static_cast<std::uint16_t>(i);
  arena.fixed = rule.target == RouteTarget::kFixed;
  arena.prefault = rule.with.prefault;
  arena.huge = rule.with.huge;
  arena.chunk_bytes = rule.with.chunk != 0 ? rule.with.chunk : kDefaultChunk;
  arena.capacity = arena.fixed ? round_up(rule.with.capacity, kGranule) : rule.with.capacity;
  arena.retain = rule.with.retain;
  arena.file = keep_path(i, rule.with.file);
  routes[i].shared = rule.with.shared;
  shared_lanes[i].route = &arena;
  shared_lanes[i].shared = true;
}

}  // namespace

void set_up_routes(std::size_t added_bytes) noexcept {
  way_bytes = added_bytes;
  const bool rules = read_routes(route_rules);
  routing = rules || options.stats;
  if (rules) route_sites.watch(route_rules);
  if (added_bytes != 0) blocks_end = tracked::end_blocks;
  if (options.stats) {
    blocks_counted = count_ended;
    stats_clock::start();
  }
  for (unsigned i = 0; i < route_rules.count; ++i) {
    const RouteRule& rule = route_rules.rule[i];
    const RouteName name = route_name(route_rules, i);
    names[i][name.view().copy(names[i], sizeof names[i] - 1)] = '\0';
    routes[i].target = rule.target;
    routes[i].full = rule.with.full;
    sites_matter |= !rule.when.module.empty() || !rule.when.caller.empty() || !rule.when.source.empty();
    threads_matter |= !rule.when.thread.empty();
    routes[i].tag = tag_by_name(rule.with.tag, false);
    if (routes[i].tag != kNoTag) tag_by_rules();
    if (rule.target == RouteTarget::kPool) set_up_pool(i, rule);
    if (rule.target == RouteTarget::kArena || rule.target == RouteTarget::kFixed) set_up_arena(i, rule);
  }
}

BlockTag tag_for(const Request& request) noexcept {
  return routes[rule_for(request, thread_cache())].tag;
}

const char* name_of_rule(unsigned rule) noexcept {
  return names[rule];
}

unsigned rule_of_pool(unsigned pool) noexcept {
  return rule_of[pool];
}

unsigned rule_for(const Request& request, ThreadCache* cache) noexcept {
  const RuleMask by_thread = cache != nullptr ? cache->thread_rules : rules_of_this_thread();
  RuleMask by_site = ~RuleMask{0};
  bool asked = !sites_matter;
  for (unsigned i = 0; i < route_rules.count; ++i) {
    const RouteConditions& when = route_rules.rule[i].when;
    if (!size_holds(when, request.bytes) || !alignment_holds(when, request.alignment) ||
        !call_holds(when, request.call) || (by_thread >> i & 1) == 0) {
      continue;
    }
    if (!asked) {
      by_site = route_sites.rules_at(request.caller);
      asked = true;
    }
    if ((by_site >> i & 1) != 0) return i;
  }
  return kNoRule;
}

}  // namespace weir
