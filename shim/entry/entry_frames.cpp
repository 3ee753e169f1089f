// __register_frame and its like: unwind tables that a program registers at run time, so that exceptions find their way
// through code that it has made. Stacks of allocations go through that code then, too.
//
// Whose function the program would have called without weir is found as the loader would have: the next in the order
// of loading or, for a plug-in that brings its libgcc_s along for itself, among what the caller was loaded with. Old
// start files call these functions where they are there at all, and now they are: then there is nobody to tell.
#include <dlfcn.h>
#include <link.h>

#include "shim/entry/entry.hpp"
#include "shim/life/libc.hpp"
#include "shim/unwind/registered_frames.hpp"

using namespace weir;

namespace {

using Register = void(void*);
using RegisterInfo = void(const void*, void*);
using RegisterBases = void(const void*, void*, void*, void*);
using Deregister = void(void*);
using DeregisterInfo = void*(const void*);

struct Next {
  Register* frame;
  RegisterInfo* info;
  RegisterBases* bases;
  Deregister* deregister;
  DeregisterInfo* deregister_info;
  DeregisterInfo* deregister_bases;
};
constinit Next next{};

void* find_beside(const void* caller, const char* name) noexcept {
  Dl_info info;
  link_map* map = nullptr;
  if (dladdr1(caller, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr)
    return nullptr;
  if (map->l_name == nullptr || map->l_name[0] == '\0')
    return nullptr;  // it has what is next, and that alone
  if (libc::next.dlopen == nullptr || libc::next.dlclose == nullptr) libc::find();
  void* handle = libc::next.dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* const found = libc::look_up(handle, name);
  libc::next.dlclose(handle);
  return found;
}

// What is next stays where it is; what is beside the caller is looked for each time, since it may go with it.
template <typename F>
F* find_next(F*& known, F* own, const char* name, const void* caller) noexcept {
  F* found = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (found != nullptr) return found;
  found = reinterpret_cast<F*>(libc::look_up(RTLD_NEXT, name));
  if (found != nullptr) {
    __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    return found;
  }
  found = reinterpret_cast<F*>(find_beside(caller, name));
  return found != own ? found : nullptr;
}

// libgcc's own test for a list that is empty.
bool has_entries(const void* begin) noexcept {
  return begin != nullptr && *static_cast<const unsigned*>(begin) != 0;
}

void* deregister(DeregisterInfo*& known, DeregisterInfo* own, const char* name, const void* begin,
                 const void* caller) noexcept {
  const RegisteredFrames::Removed was = registered_frames.remove(begin);
  if (!was.forwarded) return was.object;
  DeregisterInfo* const f = find_next(known, own, name, caller);
  return f != nullptr ? f(begin) : was.object;
}

}  // namespace

WEIR_EXPORT void __register_frame(void* begin) {
  Register* const f =
      find_next(next.frame, __register_frame, "__register_frame", __builtin_return_address(0));
  if (has_entries(begin)) registered_frames.add(begin, nullptr, f != nullptr);
  if (f != nullptr) f(begin);
}

WEIR_EXPORT void __register_frame_info(const void* begin, void* object) {
  RegisterInfo* const f =
      find_next(next.info, __register_frame_info, "__register_frame_info", __builtin_return_address(0));
  if (has_entries(begin)) registered_frames.add(begin, object, f != nullptr);
  if (f != nullptr) f(begin, object);
}

WEIR_EXPORT void __register_frame_info_bases(const void* begin, void* object, void* text, void* data) {
  RegisterBases* const f = find_next(next.bases, __register_frame_info_bases, "__register_frame_info_bases",
                                     __builtin_return_address(0));
  if (has_entries(begin)) registered_frames.add(begin, object, f != nullptr);
  if (f != nullptr) f(begin, object, text, data);
}

WEIR_EXPORT void __deregister_frame(void* begin) {
  if (!registered_frames.remove(begin).forwarded) return;
  Deregister* const f =
      find_next(next.deregister, __deregister_frame, "__deregister_frame", __builtin_return_address(0));
  if (f != nullptr) f(begin);
}

WEIR_EXPORT void* __deregister_frame_info(const void* begin) {
  return deregister(next.deregister_info, __deregister_frame_info, "__deregister_frame_info", begin,
                    __builtin_return_address(0));
}

WEIR_EXPORT void* __deregister_frame_info_bases(const void* begin) {
  return deregister(next.deregister_bases, __deregister_frame_info_bases, "__deregister_frame_info_bases",
                    begin, __builtin_return_address(0));
}
