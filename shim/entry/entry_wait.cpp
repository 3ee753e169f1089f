// wait and its like: a process that weir has started is no child of the program's (life/own_children).
#include <sys/resource.h>
#include <sys/wait.h>

#include "shim/entry/entry.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/own_children.hpp"

using namespace weir;

namespace {

// Waits again when it was one of ours. What ours ended with the program does not see.
template <typename Wait>
pid_t wait_for_others(int* status, Wait&& wait_once) noexcept(false) {
  for (;;) {
    int now = 0;
    const pid_t got = wait_once(&now);
    if (got > 0 && own_children::has(got)) {
      own_children::was_met(got);
      continue;
    }
    if (got > 0 && status != nullptr) *status = now;
    return got;
  }
}

}  // namespace

WEIR_EXPORT pid_t waitpid(pid_t pid, int* status, int options) {
  if (libc::next.waitpid == nullptr) libc::find();
  return wait_for_others(status, [&](int* now) { return libc::next.waitpid(pid, now, options); });
}

WEIR_EXPORT pid_t wait(int* status) {
  return waitpid(-1, status, 0);
}

WEIR_EXPORT pid_t wait4(pid_t pid, int* status, int options, struct rusage* usage) noexcept {
  if (libc::next.wait4 == nullptr) libc::find();
  return wait_for_others(status, [&](int* now) { return libc::next.wait4(pid, now, options, usage); });
}

WEIR_EXPORT pid_t wait3(int* status, int options, struct rusage* usage) noexcept {
  return wait4(-1, status, options, usage);
}

WEIR_EXPORT int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  if (libc::next.waitid == nullptr) libc::find();
  for (;;) {
    siginfo_t now{};
    const int result = libc::next.waitid(kind, id, &now, options);
    if (result == 0 && own_children::has(now.si_pid)) {
      // Left where it is by WNOWAIT, it would be met again.
      if ((options & WNOWAIT) != 0) {
        own_children::wait(now.si_pid, nullptr, WNOHANG);
      } else {
        own_children::was_met(now.si_pid);
      }
      continue;
    }
    // It may have been one of ours that was collected, and forgotten, since.
    if (result == 0 && now.si_pid != 0 && (options & WNOWAIT) != 0) {
      siginfo_t still{};
      const auto of = static_cast<id_t>(now.si_pid);
      if (libc::next.waitid(P_PID, of, &still, options | WNOHANG) != 0) continue;
    }
    if (result == 0 && info != nullptr) *info = now;
    return result;
  }
}
