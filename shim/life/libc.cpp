#include "shim/life/libc.hpp"

#include "shim/base/module_symbol.hpp"
#include "shim/base/sys.hpp"
#include "shim/track/heap_totals.hpp"

namespace weir::libc {

constinit Functions next{};

namespace {

// libc's own: `dlsym` would be ours, or the program's.
constinit decltype(Functions::dlsym) own_dlsym = nullptr;
constinit decltype(Functions::dlvsym) own_dlvsym = nullptr;
constinit decltype(&clock_gettime) own_clock = nullptr;

template <typename F>
bool find_own(F& function, const char* name) noexcept {
  if (function == nullptr) function = reinterpret_cast<F>(symbol_of_libc(name));
  return function != nullptr;
}

template <typename F>
void fill(F& function, const char* name) noexcept {
  if (function == nullptr) function = reinterpret_cast<F>(look_up(RTLD_NEXT, name));
}

}  // namespace

// The next two are no tail calls: RTLD_NEXT goes by the return address.
__attribute__((noinline)) void* look_up(void* handle, const char* name) noexcept {
  void* const found = find_own(own_dlsym, "dlsym") ? own_dlsym(handle, name) : nullptr;
  asm volatile("" ::: "memory");
  return found;
}
__attribute__((noinline)) void* look_up_version(void* handle, const char* name,
                                                const char* version) noexcept {
  void* const found = find_own(own_dlvsym, "dlvsym") ? own_dlvsym(handle, name, version) : nullptr;
  asm volatile("" ::: "memory");
  return found;
}

int read_clock(clockid_t clock, timespec& to) noexcept {
  if (find_own(own_clock, "clock_gettime")) return own_clock(clock, &to);
  return static_cast<int>(sys::call(SYS_clock_gettime, clock, sys::as_word(&to)));
}

void find() noexcept {
  fill(next.free, "free");
  fill(next.realloc, "realloc");
  fill(next.malloc_usable_size, "malloc_usable_size");
  fill(next.dlopen, "dlopen");
  fill(next.dlclose, "dlclose");
  fill(next.dlsym, "dlsym");
  fill(next.dlvsym, "dlvsym");
  fill(next.exit_now, "_exit");
  fill(next.quick_exit, "quick_exit");
  fill(next.setname, "pthread_setname_np");
  fill(next.sigaction, "sigaction");
  fill(next.signal, "signal");
  fill(next.sysv_signal, "sysv_signal");
  fill(next.sigset, "sigset");
  fill(next.sigignore, "sigignore");
  fill(next.sigaltstack, "sigaltstack");
  fill(next.sigwait, "sigwait");
  fill(next.sigwaitinfo, "sigwaitinfo");
  fill(next.sigtimedwait, "sigtimedwait");
  fill(next.signalfd, "signalfd");
  fill(next.waitpid, "waitpid");
  fill(next.wait4, "wait4");
  fill(next.waitid, "waitid");
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
