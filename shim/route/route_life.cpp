#include "shim/route/route_life.hpp"

#include "shim/route/file_buffer.hpp"
#include "shim/route/routes.hpp"
#include "shim/route/targets.hpp"
#include "shim/route/thread_cache.hpp"

namespace weir {

void lock_routes_for_fork() noexcept {
  if (!routing) return;
  set_working(true);
  lock_caches();
  for (unsigned i = 0; i < route_rules.count; ++i) shared_lanes[i].lock.lock();
  lock_pools_for_fork(pool_count);
  lock_arenas_for_fork();
  lock_spans_for_fork();
  lock_counts_for_fork();
  before_fork_of_files();
}

namespace {

void unlock_routes() noexcept {
  unlock_counts_after_fork();
  unlock_spans_after_fork();
  unlock_arenas_after_fork();
  unlock_pools_after_fork(pool_count);
  for (unsigned i = 0; i < route_rules.count; ++i) shared_lanes[i].lock.unlock();
  unlock_caches();
  set_working(false);
}

}  // namespace

void unlock_routes_after_fork() noexcept {
  if (!routing) return;
  wait_for_child_of_files();
  unlock_routes();
}

void adopt_routes_in_child() noexcept {
  if (!routing) return;
  leave_files_to_parent();
  unlock_routes();
  adopt_other_caches();
  restart_counts();
}

void trim_routes() noexcept {
  if (!routing) return;
  ThreadCache* const cache = thread_cache();
  const routed::Working working(cache);
  if (cache != nullptr) flush_thread_cache(*cache);
  trim_pools(pool_count);
  trim_spans();
}

}  // namespace weir
