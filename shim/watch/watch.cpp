#include "shim/watch/watch.hpp"

#include "shim/base/options.hpp"
#include "shim/watch/alloc_stacks.hpp"
#include "shim/watch/counted_heap.hpp"
#include "shim/watch/fail.hpp"
#include "shim/watch/fail_told.hpp"

namespace weir {

constinit bool watch_is_on = false;

bool set_up_watch() noexcept {
  const bool records = set_up_alloc_stacks();
  const bool fails = set_up_fail();
  const bool counts = set_up_counting();
  return records || fails || counts;
}

void begin_watch() noexcept {
  begin_alloc_stacks();
  begin_fail();
  begin_counting();
  listen_for_crashes();
  watch_is_on = true;
}

void end_watch() noexcept {
  if (!watch_is_on) return;
  watch_is_on = false;
  write_counts();
  end_counting();
  if (options.verbosity != 0) say_failures();
}

void lock_watch_for_fork() noexcept {
  lock_alloc_stacks();
}
void unlock_watch_after_fork() noexcept {
  unlock_alloc_stacks();
}
void adopt_watch_in_child() noexcept {
  begin_alloc_stacks_in_child();
  count_in_child();
}

}  // namespace weir
