// The heaps that an entry point may lead to, one for each mode: the same functions under three names.
#pragma once

#include "shim/entry/entry.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/guard/guarded_heap.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/tracked_heap.hpp"
#include "shim/watch/watched_heap.hpp"

// Ends an entry point that WEIR_ENTER began.
#define WEIR_DISPATCH(call) WEIR_DISPATCH_GUARDED(call, call)

// The same where mode=guard tells apart what the others need not.
#define WEIR_DISPATCH_GUARDED(call, guarded_call)                             \
  if (__builtin_expect(passes, 1)) return ::weir::passed::call;               \
  if (mode_now == ::weir::Mode::kLeak) return ::weir::tracked::call;          \
  if (mode_now == ::weir::Mode::kRoute) return ::weir::routed::call;          \
  if (mode_now == ::weir::Mode::kWatch) return ::weir::watched::guarded_call; \
  return ::weir::guarded::guarded_call
