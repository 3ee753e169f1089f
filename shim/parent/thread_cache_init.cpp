// jemalloc's first step in a new thread: its cache. Where there is no memory for the cache's table jemalloc 5.3 goes
// on with the cache switched on and the table missing, and the thread's first malloc reads address 0 (RLIMIT_AS).
// Here the cache of such a thread is switched off: it asks the arenas, and gets memory or ENOMEM.
//
// The linker leads tsd.o's call here (--wrap).
#include <atomic>
#include <cstdint>

extern "C" {
// How many mappings the system has refused so far.
__attribute__((visibility("hidden"))) std::atomic<std::uint64_t> weir_parent_refusals{0};

extern bool je_opt_tcache;
bool je_tsd_tcache_data_init(void* thread) noexcept;  // true: no memory
void je_tsd_slow_update(void* thread) noexcept;
bool __real_je_tsd_tcache_enabled_data_init(void* thread) noexcept;

bool __wrap_je_tsd_tcache_enabled_data_init(void* thread) noexcept {
  const std::uint64_t before = weir_parent_refusals.load(std::memory_order_relaxed);
  const bool result = __real_je_tsd_tcache_enabled_data_init(thread);
  const bool refused = weir_parent_refusals.load(std::memory_order_relaxed) != before;
  if (__builtin_expect(!refused || !je_opt_tcache, 1) || !je_tsd_tcache_data_init(thread)) return result;
  *static_cast<bool*>(thread) = false;  // tcache_enabled, the first of a thread's data
  je_tsd_slow_update(thread);
  return result;
}
}
