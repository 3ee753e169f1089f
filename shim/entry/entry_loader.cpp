// dlopen and dlclose: no module may bypass the heap that the rest of the program uses, and what is unloaded
// must be known, or a stack would name code that lies elsewhere by now.
#include <dlfcn.h>

#include <atomic>

#include "shim/base/say.hpp"
#include "shim/entry/entry.hpp"
#include "shim/life/libc.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/rule_cache.hpp"

using namespace weir;

namespace {

// RTLD_DEEPBIND looks symbols up in the module first, so its malloc would be libc's and its free ours, or
// the other way round.
int without_deepbind(const char* file, int flags) noexcept {
  static constinit std::atomic<bool> said{false};
  if (!said.exchange(true)) {
    Line()
        .text("weir: dlopen(\"")
        .text(file != nullptr ? file : "")
        .text(
            "\") asks for RTLD_DEEPBIND, which would "
            "take it past the heap of the rest of the program; opened without, this and later ones")
        .say();
  }
  return flags & ~RTLD_DEEPBIND;
}

}  // namespace

// Ends in a tail call: libc finds the caller's RUNPATH and namespace by the return address.
WEIR_EXPORT void* dlopen(const char* file, int flags) {
  if (libc::next.dlopen == nullptr) libc::find();
  if (tracks_blocks() || is_watched()) {
    // Code may appear where a walk has met none (a stack memo may remember that).
    __atomic_add_fetch(&unload_epoch, 1, __ATOMIC_RELEASE);
  }
  if (__builtin_expect((flags & RTLD_DEEPBIND) != 0, 0)) flags = without_deepbind(file, flags);
  return libc::next.dlopen(file, flags);
}

WEIR_EXPORT int dlclose(void* handle) {
  if (libc::next.dlclose == nullptr) libc::find();
  const int result = libc::next.dlclose(handle);
  if ((tracks_blocks() || is_watched()) && modules.sweep()) rule_cache.forget_unloaded();
  note_modules_changed();
  return result;
}
