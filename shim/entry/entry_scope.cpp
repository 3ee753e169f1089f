// What weir.h calls: scopes of the arenas that WEIR_ROUTES leads to, for the thread that asks.
#include <string_view>

#include "shim/abi/route_matches.hpp"
#include "shim/entry/entry.hpp"
#include "shim/route/targets.hpp"

using namespace weir;

namespace {

bool has_scopes(unsigned rule) noexcept {
  return routes[rule].target == RouteTarget::kArena && !routes[rule].shared;
}

// The rule of that name, or the first with an arena; kNoRule where there is none.
unsigned find_rule(const char* name) noexcept {
  for (unsigned i = 0; i < route_rules.count; ++i) {
    if (has_scopes(i) && (name == nullptr || route_name(route_rules, i).view() == name)) return i;
  }
  return kNoRule;
}

// The calling thread's lane that the scope belongs to; nullptr where it is none of this thread's.
Lane* lane_of(Chunk* scope) noexcept {
  const auto address = reinterpret_cast<std::uint64_t>(scope);
  if (!is_routed(address) || !is_mapped_unit(unit_of(scope)) || tag_of(unit_of(scope)).kind() != kChunkKind) {
    return nullptr;
  }
  ThreadCache* cache = thread_cache();
  Lane* lane = scope->lane.load(std::memory_order_relaxed);
  return cache != nullptr && lane == &cache->lanes[scope->rule] ? lane : nullptr;
}

}  // namespace

WEIR_EXPORT void* weir_shim_scope_enter(const char* route) {
  const unsigned rule = find_rule(route);
  ThreadCache* cache = rule != kNoRule ? thread_cache() : nullptr;
  const routed::Working working(cache);
  return cache != nullptr ? enter_scope(cache->lanes[rule]) : nullptr;
}

WEIR_EXPORT int weir_shim_scope_leave(void* scope) {
  auto* chunk = static_cast<Chunk*>(scope);
  Lane* lane = lane_of(chunk);
  const routed::Working working(lane != nullptr ? thread_cache() : nullptr);
  return lane != nullptr && leave_scope(*lane, chunk) ? 1 : 0;
}

WEIR_EXPORT int weir_shim_scope_reset(void* scope) {
  auto* chunk = static_cast<Chunk*>(scope);
  Lane* lane = lane_of(chunk);
  const routed::Working working(lane != nullptr ? thread_cache() : nullptr);
  return lane != nullptr && reset_scope(*lane, chunk) ? 1 : 0;
}

WEIR_EXPORT const char* weir_shim_route_of(const void* block) {
  const unsigned rule = routed::rule_of_block(block);
  return rule != kNoRule ? name_of_rule(rule) : nullptr;
}
