// Frames whose unwind tables say what compilers rarely or never say, written by hand;
// and code without tables.
#include "stress.hpp"

// Each calls its first argument with the second.
asm(R"(
  .text
  .macro begin name
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc
  .endm
  .macro end name
  .cfi_endproc
  .size \name, . - \name
  .endm

# The CFA is a function of RBX, as in ld.so's lazy binding.
begin stress_through_rbx
  push %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset rbx, 0
  mov %rsp, %rbx
  .cfi_def_cfa_register rbx
  sub $160, %rsp
  and $-64, %rsp
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  mov %rbx, %rsp
  .cfi_def_cfa_register rsp
  pop %rbx
  .cfi_adjust_cfa_offset -8
  .cfi_restore rbx
  ret
end stress_through_rbx

# The CFA by expressions, RSP + n; RBP's slot by another, RSP + m.
begin stress_by_expression
  sub $24, %rsp
  .cfi_escape 0x0f, 0x02, 0x77, 0x20
  push %rbp
  .cfi_escape 0x0f, 0x02, 0x77, 0x28
  .cfi_escape 0x10, 0x06, 0x02, 0x77, 0x00
  sub $8, %rsp
  .cfi_escape 0x0f, 0x02, 0x77, 0x30
  .cfi_escape 0x10, 0x06, 0x02, 0x77, 0x08
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  add $8, %rsp
  .cfi_escape 0x0f, 0x02, 0x77, 0x28
  .cfi_escape 0x10, 0x06, 0x02, 0x77, 0x00
  pop %rbp
  .cfi_restore rbp
  .cfi_escape 0x0f, 0x02, 0x77, 0x20
  add $24, %rsp
  .cfi_def_cfa rsp, 8
  ret
end stress_by_expression

# RBP is kept in a register that calls preserve.
begin stress_bp_in_register
  push %r12
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset r12, 0
  mov %rbp, %r12
  .cfi_register rbp, r12
  mov $1, %ebp
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  mov %r12, %rbp
  .cfi_restore rbp
  pop %r12
  .cfi_adjust_cfa_offset -8
  .cfi_restore r12
  ret
end stress_bp_in_register

# The CFA is RBP + 16 while RSP moves freely; states are remembered and restored.
begin stress_remembered
  push %rbp
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset rbp, 0
  mov %rsp, %rbp
  .cfi_def_cfa_register rbp
  sub $32, %rsp
  test %esi, %esi
  .cfi_remember_state
  jg 1f
  leave
  .cfi_def_cfa rsp, 8
  .cfi_restore rbp
  ret
1:
  .cfi_restore_state
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  leave
  .cfi_def_cfa rsp, 8
  .cfi_restore rbp
  ret
end stress_remembered

# RBP is saved, destroyed, and its slot is far from the CFA.
begin stress_far_slot
  sub $4104, %rsp
  .cfi_adjust_cfa_offset 4104
  mov %rbp, 8(%rsp)
  .cfi_rel_offset rbp, 8
  mov $-1, %rbp
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  mov 8(%rsp), %rbp
  .cfi_restore rbp
  add $4104, %rsp
  .cfi_adjust_cfa_offset -4104
  ret
end stress_far_slot

# No tables: weir's walk ends here.
  .globl stress_without_tables
  .type stress_without_tables, @function
stress_without_tables:
  push %rbp
  mov %rsp, %rbp
  mov %rdi, %rax
  mov %esi, %edi
  call *%rax
  pop %rbp
  ret
  .size stress_without_tables, . - stress_without_tables
)");

extern "C" {
using OddFunction = void(void (*)(int), int);
OddFunction stress_through_rbx, stress_by_expression, stress_bp_in_register, stress_remembered,
    stress_far_slot, stress_without_tables;
}

namespace stress {
namespace {

void call_back(int depth) {
  allocate();
  go(depth - 1);
  touch(&depth);
}

}  // namespace

STRESS_NOINLINE void odd_tables(int depth) {
  static OddFunction* const kFunctions[] = {
      stress_through_rbx, stress_by_expression, stress_bp_in_register, stress_remembered, stress_far_slot,
  };
  const std::uint32_t pick = random_below(16);
  OddFunction* const function = pick == 0 ? stress_without_tables : kFunctions[pick % 5];
  function(call_back, depth < 2 ? depth : 2);
  touch(&depth);
}

}  // namespace stress
