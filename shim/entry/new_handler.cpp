#include "shim/entry/new_handler.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "shim/base/say.hpp"
#include "shim/life/libc.hpp"

namespace weir {
namespace {

struct Nothrow {};  // std::nothrow_t, without its header's object in libstdc++

template <typename F>
F find(void* where, const char* symbol) noexcept {
  return reinterpret_cast<F>(libc::look_up(where, symbol));
}

}  // namespace

void call_new_handler() {
  using Handler = void (*)();
  const auto get = find<Handler (*)()>(RTLD_DEFAULT, "_ZSt15get_new_handlerv");
  if (get != nullptr) {
    if (const Handler handler = get()) return handler();
    if (const auto throw_bad_alloc = find<void (*)()>(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv"))
      throw_bad_alloc();
  }
  Line().text("weir: operator new found no memory, and the program has no libstdc++ to throw with").say();
  std::abort();
}

void* retry_nothrow(const char* symbol, std::size_t bytes) noexcept {
  const auto next = find<void* (*)(std::size_t, const Nothrow&)>(RTLD_NEXT, symbol);
  return next != nullptr ? next(bytes, Nothrow{}) : nullptr;
}

void* retry_nothrow_aligned(const char* symbol, std::size_t bytes, std::size_t alignment) noexcept {
  const auto next = find<void* (*)(std::size_t, std::size_t, const Nothrow&)>(RTLD_NEXT, symbol);
  return next != nullptr ? next(bytes, alignment, Nothrow{}) : nullptr;
}

}  // namespace weir
