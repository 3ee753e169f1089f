// dlsym and dlvsym: who looks a function of the heap up in libc's own handle, or behind himself, would get libc's, and
// mix its blocks with ours (ctypes, .NET, bindings of all kinds). He gets ours: what would be libc's own, or what ours
// stand in front of anyway. Whatever else would be found is found: another allocator's in its own handle, the program's.
//
// Every look-up of another name, and every one whose answer cannot be libc's, ends in a tail call: the next dlsym finds
// the caller of RTLD_NEXT by the return address. Where a look-up behind the caller is answered here, the answer of the
// scope is the one that weir itself gets: between the caller and libc there is then nothing else.
//
// Allocates nothing itself; takes the loader's lock as dlsym does.
#include <dlfcn.h>

#include "shim/base/module_symbol.hpp"
#include "shim/entry/entry.hpp"
#include "shim/entry/replaced_operators.hpp"
#include "shim/life/libc.hpp"

using namespace weir;

namespace {

constexpr const char* kHeapNames[] = {
#define WEIR_HOOK(name)
#define WEIR_HEAP_HOOK(name) #name,
#include "shim/hooks.def"
#undef WEIR_HEAP_HOOK
#undef WEIR_HOOK
};

bool is_heap_name(const char* name) noexcept {
  for (const char* known : kHeapNames) {
    if (is_same_text(name, known)) return true;
  }
  return false;
}

bool is_operator(const char* name) noexcept {
  return name[0] == '_' && name[1] == 'Z';
}

// One request, as dlsym and dlvsym have in common.
struct LookUp {
  const char* name;
  const char* version;  // nullptr for dlsym
  const void* caller;   // the return address

  void* in(void* handle) const noexcept {
    return version == nullptr ? libc::look_up(handle, name) : libc::look_up_version(handle, name, version);
  }
};

const link_map* own_module() noexcept {
  return module_of(reinterpret_cast<const void*>(&is_heap_name));
}

// Searched before us, for as long as the process lives.
bool is_in_front(const link_map& module) noexcept {
  for (const link_map* m = own_module(); m != nullptr; m = m->l_prev) {
    if (m == &module) return true;
  }
  return false;
}

// A library behind us that stands in front of libc itself: what it finds behind itself must not lead back to us, who
// pass to it what is not ours.
bool stands_behind_us(const link_map* module, const char* name) noexcept {
  return module != nullptr && !is_in_front(*module) && symbol_of(*module, name) != nullptr;
}

// Whether ours stands for what was found.
bool is_covered(const void* found, const LookUp& wanted) noexcept {
  if (found == nullptr || (operators_replaced && is_operator(wanted.name))) return false;
  return module_of(found) == libc_module() || found == wanted.in(RTLD_NEXT);
}

// Ours in the place of what RTLD_NEXT would find for this caller; nullptr where that is to be asked: by a tail call, for
// which the caller's frame must hold nothing that this function could point to.
__attribute__((noinline)) void* behind(const char* name, const char* version,
                                       const void* return_address) noexcept {
  const LookUp wanted{name, version, return_address};
  const link_map* const caller = module_of(wanted.caller);
  // In front of us: what it finds is ours at the latest; but with a version, which ours have not.
  if (caller == nullptr || (version == nullptr && is_in_front(*caller))) return nullptr;
  if (stands_behind_us(caller, name)) return nullptr;
  // Loaded later, the caller has a scope of its own; a handle is a module's link_map (dlinfo says so).
  const void* const in_scope = wanted.in(const_cast<link_map*>(caller));
  if (in_scope != nullptr && !is_covered(in_scope, wanted)) return nullptr;
  // Last, so that it clears what dlerror would say of the look-up before.
  if (!is_covered(wanted.in(RTLD_NEXT), wanted)) return nullptr;
  return symbol_of(*own_module(), wanted.name);
}

__attribute__((noinline)) void* or_ours(void* found, const char* name, const char* version,
                                        const void* return_address) noexcept {
  const LookUp wanted{name, version, return_address};
  if (!is_covered(found, wanted) || stands_behind_us(module_of(wanted.caller), wanted.name)) return found;
  return symbol_of(*own_module(), wanted.name);
}

}  // namespace

WEIR_EXPORT void* dlsym(void* handle, const char* name) noexcept {
  if (libc::next.dlsym == nullptr) libc::find();
  if (__builtin_expect(handle == RTLD_DEFAULT || !is_heap_name(name), 1))
    return libc::next.dlsym(handle, name);
  if (handle == RTLD_NEXT) {
    void* const ours = behind(name, nullptr, __builtin_return_address(0));
    return ours != nullptr ? ours : libc::next.dlsym(handle, name);
  }
  return or_ours(libc::next.dlsym(handle, name), name, nullptr, __builtin_return_address(0));
}

// What has no version, as ours, is no answer to dlvsym: it would find libc's everywhere.
WEIR_EXPORT void* dlvsym(void* handle, const char* name, const char* version) noexcept {
  if (libc::next.dlvsym == nullptr) libc::find();
  if (__builtin_expect(!is_heap_name(name), 1)) return libc::next.dlvsym(handle, name, version);
  if (handle == RTLD_NEXT || handle == RTLD_DEFAULT) {
    void* const ours = behind(name, version, __builtin_return_address(0));
    return ours != nullptr ? ours : libc::next.dlvsym(handle, name, version);
  }
  return or_ours(libc::next.dlvsym(handle, name, version), name, version, __builtin_return_address(0));
}
