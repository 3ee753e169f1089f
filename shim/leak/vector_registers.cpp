#include "shim/leak/vector_registers.hpp"

#include <dlfcn.h>
#include <signal.h>

#include <cstring>

#include "shim/base/module_symbol.hpp"

namespace weir {

CodeRange libc_code() noexcept {
  const link_map* const libc = libc_module();
  dl_find_object found;
  if (libc == nullptr || _dl_find_object(libc->l_ld, &found) != 0) return {};
  return {reinterpret_cast<std::uint64_t>(found.dlfo_map_start),
          reinterpret_cast<std::uint64_t>(found.dlfo_map_end)};
}

bool is_at_system_call(const CodeRange& code, std::uint64_t pc) noexcept {
  if (pc < code.start + 2 || pc + 2 > code.end) return false;
  const auto* const at = reinterpret_cast<const unsigned char*>(pc);
  const auto is_call = [](const unsigned char* two) { return two[0] == 0x0f && two[1] == 0x05; };
  return is_call(at - 2) || is_call(at);
}

VectorWords vectors_of(const ucontext_t& context, const CodeRange& libc) noexcept {
  const auto* const state = reinterpret_cast<const char*>(context.uc_mcontext.fpregs);
  const auto pc = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
  if (state == nullptr || is_at_system_call(libc, pc)) return {};
  constexpr std::size_t kLegacyBytes = 512;
  _fpx_sw_bytes software;
  std::memcpy(&software, state + kLegacyBytes - sizeof software, sizeof software);
  std::size_t bytes = software.magic1 == FP_XSTATE_MAGIC1 ? software.xstate_size : kLegacyBytes;
  if (bytes > kVectorBytes) bytes = kVectorBytes;
  return {reinterpret_cast<const std::uint64_t*>(state), static_cast<std::uint32_t>(bytes / 8)};
}

}  // namespace weir
