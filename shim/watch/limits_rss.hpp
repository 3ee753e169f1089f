// How much memory the process has, as limits on rss want to know it for each request without paying for it.
//
// /proc/self/statm is read again when the requests since the last time come to 1 MiB or 4096 of a thread's;
// while the limit is exceeded, after a millisecond. The kernel's own number may be some pages per core
// behind. What is free already in the allocator goes back to the system before a limit counts as exceeded.
//
// Thread-safe, async-signal-safe, never calls malloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::limits {

// The resident bytes, as new as they have to be for a request of `bytes` under this limit; `refuses`: it
// fails, or the program ends, when that is too much.
std::uint64_t resident_bytes(std::size_t bytes, std::uint64_t limit, bool refuses) noexcept;

}  // namespace weir::limits
