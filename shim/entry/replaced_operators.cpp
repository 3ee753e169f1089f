#include "shim/entry/replaced_operators.hpp"

#include <dlfcn.h>

namespace weir {

constinit bool operators_replaced = false;

namespace {

// Where the module lies that has the address; nullptr for none.
const void* module_of(const void* address) noexcept {
  dl_find_object found;
  return _dl_find_object(const_cast<void*>(address), &found) == 0 ? found.dlfo_map_start : nullptr;
}

}  // namespace

void find_replaced_operators() noexcept {
  const void* const own = module_of(&operators_replaced);
  constexpr const char* kBases[] = {"_Znwm",
                                    "_Znam",
                                    "_ZdlPv",
                                    "_ZdaPv",
                                    "_ZnwmSt11align_val_t",
                                    "_ZnamSt11align_val_t",
                                    "_ZdlPvSt11align_val_t",
                                    "_ZdaPvSt11align_val_t"};
  for (const char* symbol : kBases) {
    const void* const found = dlsym(RTLD_DEFAULT, symbol);
    operators_replaced |= found != nullptr && module_of(found) != own;
  }
}

void* next_operator(const char* symbol) noexcept {
  return dlsym(RTLD_NEXT, symbol);
}

}  // namespace weir
