// pthread_setname_np and prctl(PR_SET_NAME): rules may ask for a thread's name, which changes after its first
// allocation as often as not.
#include <linux/prctl.h>
#include <pthread.h>

#include <cerrno>
#include <cstdint>

#include "shim/base/sys.hpp"
#include "shim/entry/entry.hpp"
#include "shim/life/libc.hpp"
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

// libc's is a system call and nothing else.
WEIR_EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const long result = sys::call(SYS_prctl, option, static_cast<long>(a), static_cast<long>(b),
                                static_cast<long>(c), static_cast<long>(d));
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  if (option == PR_SET_NAME) {
    note_thread_renamed(reinterpret_cast<std::uint64_t>(__builtin_thread_pointer()));
    forget_thread_labels();
  }
  return static_cast<int>(result);
}
