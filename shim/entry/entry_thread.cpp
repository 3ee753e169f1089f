// pthread_setname_np and prctl(PR_SET_NAME): rules may ask for a thread's name, which changes after its first
// allocation as often as not.
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <pthread.h>

#include <cerrno>
#include <cstdint>

#include "shim/base/sys.hpp"
#include "shim/entry/entry.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/sandbox.hpp"
#include "shim/route/thread_cache.hpp"
#include "shim/watch/thread_label.hpp"

using namespace weir;

// A pthread_t is the address of the thread's control block (glibc).
WEIR_EXPORT int pthread_setname_np(pthread_t thread, const char* name) {
  if (libc::next.setname == nullptr) libc::find();
  const int error = libc::next.setname(thread, name);
  if (error == 0) {
    note_thread_renamed(thread);
    forget_thread_labels();
  }
  return error;
}

// libc's is a system call and nothing else. Filters of system calls, and who may trace: life/sandbox has to know.
WEIR_EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const bool is_filter = option == PR_SET_SECCOMP && a == SECCOMP_MODE_FILTER;
  const sandbox::Filter filter(is_filter ? reinterpret_cast<const struct sock_fprog*>(b) : nullptr);
  const long result = sys::call_in_any_case(SYS_prctl, option, static_cast<long>(a), static_cast<long>(b),
                                            static_cast<long>(c), static_cast<long>(d));
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  if (is_filter) filter.keep();
  if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT) sandbox::note_strict();
  if (option == PR_SET_PTRACER) sandbox::note_ptracer(a);
  if (option == PR_SET_NAME) {
    note_thread_renamed(reinterpret_cast<std::uint64_t>(__builtin_thread_pointer()));
    forget_thread_labels();
  }
  return static_cast<int>(result);
}
