// A new task by the bare system call: libc's clone has a name that a program may give to a function of its own.
#pragma once

#include <sys/syscall.h>

namespace weir {

// Runs run(of) on the stack that ends at `top` (aligned to 16), in a task that ends with what it returns.
// The task's id, or -errno. `cleared` is for CLONE_CHILD_CLEARTID. The task has the caller's thread-local
// variables: it may call nothing but the system.
inline long start_task(int (*run)(void*) noexcept, void* of, char* top, long flags,
                       void* cleared = nullptr) noexcept {
  void** words = reinterpret_cast<void**>(top) - 2;
  words[0] = reinterpret_cast<void*>(run);
  words[1] = of;
  long result;
  register void* child_id asm("r10") = cleared;
  register long tls asm("r8") = 0;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "popq %%rax\n\t"
      "popq %%rdi\n\t"
      "callq *%%rax\n\t"
      "movl %%eax, %%edi\n\t"
      "movl $60, %%eax\n\t"  // exit
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(words), "d"(0L), "r"(child_id), "r"(tls)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace weir
