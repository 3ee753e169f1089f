#include "shim/guard/interrupted_stack.hpp"

#include "shim/track/thread_section.hpp"
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
  return stack_for_report(site_of(context, fault));
}

}  // namespace weir
