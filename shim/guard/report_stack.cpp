#include "shim/guard/report_stack.hpp"

#include <atomic>
#include <cstddef>

#include "shim/base/zones.hpp"

// Calls work(of) on the stack that ends at `top`; a walk of the stack finds the way back.
extern "C" __attribute__((visibility("hidden"))) void weir_call_on_stack(void (*work)(void*) noexcept,
                                                                         void* of, void* top) noexcept;
asm(R"(
  .pushsection .text
  .hidden weir_call_on_stack
  .globl weir_call_on_stack
  .type weir_call_on_stack, @function
weir_call_on_stack:
  .cfi_startproc
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  movq %rdx, %rsp
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  movq %rbp, %rsp
  popq %rbp
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
  .size weir_call_on_stack, . - weir_call_on_stack
  .popsection
)");

namespace weir {
namespace {

struct ReportStack {
  static constexpr std::size_t kBytes = std::size_t{256} << 10;
  alignas(16) char bytes[kBytes];
};
constinit std::atomic<ReportStack*> spare_stack{nullptr};

}  // namespace

void call_on_report_stack(void (*work)(void*) noexcept, void* of) noexcept {
  ReportStack* stack = spare_stack.exchange(nullptr, std::memory_order_acquire);
  if (stack == nullptr) stack = static_cast<ReportStack*>(table_zone.map(sizeof(ReportStack)));
  if (stack == nullptr) return work(of);
  weir_call_on_stack(work, of, stack->bytes + ReportStack::kBytes);
  spare_stack.store(stack, std::memory_order_release);
}

}  // namespace weir
