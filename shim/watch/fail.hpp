// Option fail=: requests that shall find no memory, chosen by rules (watch/fail_rules).
//
// Each rule counts its matching requests in one atomic, and chooses by number: with one thread the same
// requests fail again; with several the same numbers of each rule do. Lock-free, never calls malloc.
#pragma once

#include "shim/watch/watch.hpp"

namespace weir {

// Inside the first allocation; true when there are rules. A mistake is told as one in WEIR_ROUTES is.
bool set_up_fail() noexcept;

// At the constructor's end: the clock of `after` begins.
void begin_fail() noexcept;

// Whether this request shall fail. While watch_is_on.
bool refuses(WatchedCall call, CallSite site) noexcept;

// Requests that failed; said at exit.
void say_failures() noexcept;

// libstdc++'s nothrow forms of operator new call the others and catch what they throw. While one of these
// lives, the next request of the thread fails too, uncounted: it is the same one.
class RefusedAgain {
 public:
  RefusedAgain() noexcept;
  ~RefusedAgain();
  RefusedAgain(const RefusedAgain&) = delete;
  RefusedAgain& operator=(const RefusedAgain&) = delete;
};

}  // namespace weir
