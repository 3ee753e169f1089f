// What the process may ask of the system, where a seccomp filter kills for the rest.
//
// A filter that the process sets while it runs goes by (prctl, and syscall for SYS_seccomp), and a copy is kept:
// so it can be asked about a call without making it. One that was there before the program began cannot be
// read; of all calls only ptrace is left out then, where it might take others with it. What a filter kills for, sys::call does not do.
//
// Async-signal-safe; filters are counted as the whole process's, whichever thread set them, and are inherited
// over fork as the memory is.
#pragma once

#include <linux/filter.h>

namespace weir::sandbox {

// A filter is about to be set: a copy is made while that is sure to be allowed. keep() when it was.
class Filter {
 public:
  explicit Filter(const struct sock_fprog* program) noexcept;
  void keep() const noexcept;

 private:
  unsigned first_ = 0, count_ = 0;
};
// read, write, exit and sigreturn alone.
void note_strict() noexcept;

// Whether the process has set a filter.
bool has_filter() noexcept;

// Whether calls of ours were not made because the filter kills for them (sys::call asks). Then what the process's
// parent learns of its end stays the program's: who confines a process watches its status.
bool was_in_the_way() noexcept;

// Whether threads may be stopped by ptrace, or it can be tried without danger.
bool allows_ptrace() noexcept;

// prctl(PR_SET_PTRACER), as the program has last called it; 0 when it did not.
unsigned long ptracer_of_program() noexcept;
void note_ptracer(unsigned long who) noexcept;

}  // namespace weir::sandbox
