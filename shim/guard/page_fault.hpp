// The handler of SIGSEGV for guard=page: names the block whose pages were hit, or the nearest ones where a pointer went
// astray among them, and gives way where it was none.
//
// On x86-64 a page without access is SIGSEGV, never SIGBUS, so that signal stays the program's own.
//
// After the report of on_error=continue the page that was hit is opened, and stays so: the access and later
// ones to that page happen, to memory that belongs to nobody (zeros where the block had been freed), and the
// slot is not used again. Stepping over the one instruction instead would find later accesses to the same
// page too, but takes SIGTRAP from the program and its debugger.
//
// Not seen: what the kernel accesses for a system call (EFAULT), and faults of threads that block SIGSEGV,
// which the kernel ends at once; as without weir.
#pragma once

namespace weir::pages {

// In the constructor, with guard=page or page-front. A message where the system refuses.
void catch_faults() noexcept;

}  // namespace weir::pages
