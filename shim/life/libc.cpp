#include "shim/life/libc.hpp"

#include "shim/track/heap_totals.hpp"

namespace weir::libc {

constinit Functions next{};

namespace {

template <typename F>
void look_up(F& function, const char* name) noexcept {
  if (function == nullptr) function = reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void find() noexcept {
  look_up(next.free, "free");
  look_up(next.realloc, "realloc");
  look_up(next.malloc_usable_size, "malloc_usable_size");
  look_up(next.dlopen, "dlopen");
  look_up(next.dlclose, "dlclose");
  look_up(next.exit_now, "_exit");
  look_up(next.quick_exit, "quick_exit");
  look_up(next.setname, "pthread_setname_np");
  look_up(next.sigaction, "sigaction");
  look_up(next.signal, "signal");
  look_up(next.sysv_signal, "sysv_signal");
  look_up(next.sigset, "sigset");
  look_up(next.sigignore, "sigignore");
}

__attribute__((noinline, cold)) void free_foreign(void* block) noexcept {
  heap_totals.foreign_frees.fetch_add(1, std::memory_order_relaxed);
  if (next.free == nullptr) find();
  if (next.free != nullptr) next.free(block);
}

__attribute__((noinline, cold)) void* realloc_foreign(void* block, std::size_t bytes) noexcept {
  if (next.realloc == nullptr) find();
  return next.realloc != nullptr ? next.realloc(block, bytes) : nullptr;
}

__attribute__((noinline, cold)) std::size_t usable_size_foreign(void* block) noexcept {
  if (next.malloc_usable_size == nullptr) find();
  return next.malloc_usable_size != nullptr ? next.malloc_usable_size(block) : 0;
}

}  // namespace weir::libc
