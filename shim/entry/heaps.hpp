// The three heaps that an entry point may lead to, one for each mode: the same functions under three names.
#pragma once

#include "shim/entry/entry.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/tracked_heap.hpp"
#include "shim/watch/watched_heap.hpp"

// Ends an entry point that WEIR_ENTER began.
#define WEIR_DISPATCH(call)                                                                \
  if (__builtin_expect(passes, 1)) return ::weir::passed::call;                            \
  if (mode_now == ::weir::Mode::kRoute) return ::weir::routed::call;                       \
  if (__builtin_expect(mode_now == ::weir::Mode::kWatch, 0)) return ::weir::watched::call; \
  return ::weir::tracked::call
