#include "shim/entry/replaced_operators.hpp"

#include <dlfcn.h>

#include "shim/base/module_symbol.hpp"
#include "shim/life/libc.hpp"

namespace weir {

constinit bool operators_replaced = false;

void find_replaced_operators() noexcept {
  const link_map* const own = module_of(&operators_replaced);
  constexpr const char* kBases[] = {"_Znwm",
                                    "_Znam",
                                    "_ZdlPv",
                                    "_ZdaPv",
                                    "_ZnwmSt11align_val_t",
                                    "_ZnamSt11align_val_t",
                                    "_ZdlPvSt11align_val_t",
                                    "_ZdaPvSt11align_val_t"};
  for (const char* symbol : kBases) {
    const void* const found = libc::look_up(RTLD_DEFAULT, symbol);
    operators_replaced |= found != nullptr && module_of(found) != own;
  }
}

void* next_operator(const char* symbol) noexcept {
  return libc::look_up(RTLD_NEXT, symbol);
}

}  // namespace weir
