// syscall, and prctl's part: the ways to set a seccomp filter through libc. What the filter kills for, weir must not do
// (life/sandbox).
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstdint>

#include "shim/base/sys.hpp"
#include "shim/entry/entry.hpp"
#include "shim/life/sandbox.hpp"

using namespace weir;

// libc's is this system call and nothing else; a program's own is made whatever comes of it.
extern "C" __attribute__((visibility("hidden"))) long weir_set_filter(long operation, long flags,
                                                                      const void* program) noexcept {
  const sandbox::Filter filter(
      static_cast<const struct sock_fprog*>(operation == SECCOMP_SET_MODE_FILTER ? program : nullptr));
  const long result = sys::call_in_any_case(SYS_seccomp, operation, flags, sys::as_word(program));
  // Positive with SECCOMP_FILTER_FLAG_TSYNC alone: a thread that is in the way. Or a listener's descriptor.
  const bool is_set = result == 0 || (result > 0 && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0);
  if (is_set && operation == SECCOMP_SET_MODE_FILTER) filter.keep();
  if (is_set && operation == SECCOMP_SET_MODE_STRICT) sandbox::note_strict();
  return result;
}

extern "C" __attribute__((visibility("hidden"))) long weir_syscall_result(long result) noexcept {
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

// libc's code, but for one number. Not in C++: there is no frame, as callers of clone and vfork may rely on.
asm(R"(
  .pushsection .text
  .globl syscall
  .type syscall, @function
syscall:
  .cfi_startproc
  cmpq $317, %rdi
  je 1f
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %r10
  movq %r9, %r8
  movq 8(%rsp), %r9
  syscall
  cmpq $-4095, %rax
  jae 2f
  ret
1:
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  callq weir_set_filter
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
2:
  movq %rax, %rdi
  jmp weir_syscall_result
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
static_assert(SYS_seccomp == 317);
