#include "shim/guard/interrupted_stack.hpp"

#include "shim/life/thread_state.hpp"
#include "shim/unwind/stack_memo.hpp"

namespace weir {
namespace {

// It is walked as if a call returned to behind the instruction.
CallSite site_of(const ucontext_t& context, std::uint64_t fault) noexcept {
  const auto& registers = context.uc_mcontext.gregs;
  const auto ip = static_cast<std::uint64_t>(registers[REG_RIP]);
  const auto sp = static_cast<std::uint64_t>(registers[REG_RSP]);
  const auto bp = static_cast<std::uint64_t>(registers[REG_RBP]);
  // A call to an address where no code is: the caller is what matters.
  if (ip == fault) return {*reinterpret_cast<const std::uint64_t*>(sp), sp + 8, bp};
  return {ip + 1, sp, bp};
}

}  // namespace

StackId interrupted_stack(const ucontext_t& context, std::uint64_t fault) noexcept {
  const CallSite site = site_of(context, fault);
  ThreadState* t = this_thread != nullptr ? this_thread : make_thread_state();
  if (t != nullptr && !t->busy) {
    t->busy = true;
    const StackId stack = t->memo.stack_of(site);
    t->busy = false;
    return stack;
  }
  const LateMemo late;
  return late.memo() != nullptr ? late.memo()->stack_of(site) : kNoStack;
}

}  // namespace weir
