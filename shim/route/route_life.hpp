// The routes in the life of a process: fork, trimming, what is said at exit.
#pragma once

namespace weir {

// A fork's three moments. All locks of the routes are held over it, in the order in which they nest.
void lock_routes_for_fork() noexcept;
void unlock_routes_after_fork() noexcept;
void adopt_routes_in_child() noexcept;  // instead of unlocking

// Gives back what is free (malloc_trim).
void trim_routes() noexcept;

// With stats=1: the table to log_path, and the statistics to stats_path. Once; allocates nothing.
void report_routes() noexcept;

}  // namespace weir
