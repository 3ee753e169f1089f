#include "shim/unwind/libunwind.hpp"

#include <dlfcn.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "shim/unwind/rule_cache.hpp"

namespace weir {
namespace {

// libunwind's names in its shared object, for local unwinding on x86-64.
struct Functions {
  int (*get_context)(unw_context_t*);
  int (*init_local)(unw_cursor_t*, unw_context_t*);
  int (*step)(unw_cursor_t*);
  int (*get_reg)(unw_cursor_t*, int, unw_word_t*);
  int (*is_signal_frame)(unw_cursor_t*);
};

Functions unw;
bool loaded = false;

template <typename F>
bool bind(void* library, const char* name, F& function) noexcept {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

void load_libunwind() noexcept {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    dlerror();  // takes the message, which the program would otherwise find
    return;
  }
  loaded = bind(library, "_Ux86_64_getcontext", unw.get_context) &&
           bind(library, "_ULx86_64_init_local", unw.init_local) &&
           bind(library, "_ULx86_64_step", unw.step) && bind(library, "_ULx86_64_get_reg", unw.get_reg) &&
           bind(library, "_ULx86_64_is_signal_frame", unw.is_signal_frame);
  // Its caches stay wrong when another module is loaded where one was closed; these walks are rare enough.
  using SetCachingPolicy = int (*)(unw_addr_space_t, unw_caching_policy_t);
  SetCachingPolicy set_caching_policy;
  auto* space = static_cast<unw_addr_space_t*>(dlsym(library, "_ULx86_64_local_addr_space"));
  if (loaded && space != nullptr && bind(library, "_ULx86_64_set_caching_policy", set_caching_policy)) {
    set_caching_policy(*space, UNW_CACHE_NONE);
  }
}

std::uint32_t unwind_with_libunwind(std::uint64_t ip, std::uint64_t sp, FrameToken* to,
                                    std::uint32_t room) noexcept {
  if (!loaded) return 0;
  unw_context_t context;
  unw_cursor_t cursor;
  unw.get_context(&context);
  if (unw.init_local(&cursor, &context) != 0) return 0;
  std::uint32_t written = 0;
  bool exact = false;
  for (;;) {
    unw_word_t here_ip = 0;
    unw_word_t here_sp = 0;
    if (unw.get_reg(&cursor, UNW_REG_IP, &here_ip) != 0 || unw.get_reg(&cursor, UNW_REG_SP, &here_sp) != 0)
      break;
    if (here_ip == 0) break;
    const FrameState state{here_ip, here_sp, 0, exact};
    const FrameRule rule = rule_cache.rule_at(state, false);
    if (written != 0 || (here_ip == ip && here_sp == sp)) {
      if (written == room) break;
      to[written++] = (here_ip & kFrameAddressMask) | (exact ? kFrameExactBit : 0) |
                      static_cast<FrameToken>(rule.module()) << kFrameModuleShift;
    }
    if (rule.kind() == RuleKind::kUnknown || rule.kind() == RuleKind::kOutermost) break;
    exact = unw.is_signal_frame(&cursor) > 0;
    if (unw.step(&cursor) <= 0) break;
  }
  return written;
}

}  // namespace weir
