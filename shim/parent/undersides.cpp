// What the parent stands on: the functions that its object files ask the system for, renamed when the archive
// was made (see meson.build) so that they come here.
//
// Mappings go to the heap zone. sbrk is refused: memory from it would lie among the program's own. The three
// functions of libm are here because a preloaded object should bring libc and nothing else into a process;
// jemalloc uses them for its decay curves and sampling intervals.
//
// Two functions of jemalloc's own are replaced (made weak in the archive): those that write a junk pointer in
// front of a thread's cache and behind it. The cache is 24 KiB of room for pointers, of which a thread touches
// what it uses; the junk, which nothing reads but for crashing, cost each thread two pages more.
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "shim/base/module_symbol.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/parent/parent.hpp"

// A jump through a word that holds what the loader found for the name, until bind() has looked in libc itself.
asm(R"(
.macro weir_of_libc name
  .pushsection .data.rel, "aw"
  .balign 8
  .hidden weir_libc_\name
  .globl weir_libc_\name
weir_libc_\name:
  .quad __real_\name
  .popsection
  .pushsection .text
  .balign 16
  .hidden weir_parent_\name
  .globl weir_parent_\name
  .type weir_parent_\name, @function
weir_parent_\name:
  .cfi_startproc
  endbr64
  jmp *weir_libc_\name(%rip)
  .cfi_endproc
  .size weir_parent_\name, .-weir_parent_\name
  .popsection
.endm
)");

extern "C" {
#define WEIR_OF_LIBC(name)    \
  asm("weir_of_libc " #name); \
  extern void* weir_libc_##name;
#include "shim/parent/imports.def"
#undef WEIR_OF_LIBC
}

namespace weir::parent {

void bind() noexcept {
  struct Slot {
    void** function;
    const char* name;
  };
  const Slot slots[] = {
#define WEIR_OF_LIBC(name) {&weir_libc_##name, #name},
#include "shim/parent/imports.def"
#undef WEIR_OF_LIBC
  };
  for (const Slot& slot : slots) {
    if (void* const own = symbol_of_libc(slot.name)) *slot.function = own;
  }
}

}  // namespace weir::parent

extern "C" {

extern std::atomic<std::uint64_t> weir_parent_refusals __attribute__((visibility("hidden")));

int weir_parent_mprotect(void* p, std::size_t bytes, int protection) noexcept;

void* weir_parent_mmap(void* hint, std::size_t bytes, int protection, int flags, int fd,
                       long offset) noexcept {
  const bool plain = hint == nullptr && (flags & MAP_ANONYMOUS) != 0 && (flags & MAP_FIXED) == 0;
  if (plain && protection == (PROT_READ | PROT_WRITE)) {
    void* p = weir::heap_zone.map(bytes);
    if (p != nullptr) return p;
    weir_parent_refusals.fetch_add(1, std::memory_order_relaxed);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  if (plain) {  // a reservation, opened with mprotect later
    void* p = weir::heap_zone.map(bytes);
    if (p != nullptr && weir_parent_mprotect(p, bytes, protection) == 0) return p;
    weir_parent_refusals.fetch_add(1, std::memory_order_relaxed);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  const long got = weir::sys::call(SYS_mmap, weir::sys::as_word(hint), static_cast<long>(bytes), protection,
                                   flags, fd, offset);
  if (got >= 0 || got < -4095) return reinterpret_cast<void*>(got);
  errno = static_cast<int>(-got);
  return MAP_FAILED;
}

// free() may end here, and free leaves errno alone; jemalloc looks at the result only.
int weir_parent_munmap(void* p, std::size_t bytes) noexcept {
  return weir::sys::call(SYS_munmap, weir::sys::as_word(p), static_cast<long>(bytes)) == 0 ? 0 : -1;
}
int weir_parent_madvise(void* p, std::size_t bytes, int advice) noexcept {
  return weir::sys::call(SYS_madvise, weir::sys::as_word(p), static_cast<long>(bytes), advice) == 0 ? 0 : -1;
}
int weir_parent_mprotect(void* p, std::size_t bytes, int protection) noexcept {
  return weir::sys::call(SYS_mprotect, weir::sys::as_word(p), static_cast<long>(bytes), protection) == 0 ? 0
                                                                                                         : -1;
}

void* weir_parent_sbrk(std::intptr_t) noexcept {
  errno = ENOMEM;
  return reinterpret_cast<void*>(-1);
}

double weir_parent_log(double x) noexcept {
  long double result;
  asm("fldln2; fldl %1; fyl2x" : "=t"(result) : "m"(x) : "st(1)");
  return static_cast<double>(result);
}

double weir_parent_exp(double x) noexcept {
  // 2^(x log2 e), the whole part by fscale and the rest by f2xm1, whose domain is [-1, 1].
  long double result;
  asm("fldl %1; fldl2e; fmulp; fld %%st; frndint; fsubr %%st, %%st(1); fxch; f2xm1; fld1; faddp; fscale; "
      "fstp %%st(1)"
      : "=t"(result)
      : "m"(x)
      : "st(1)", "st(2)");
  return static_cast<double>(result);
}

double weir_parent_round(double x) noexcept {
  const double up = __builtin_trunc(x + (x < 0 ? -0.5 : 0.5));
  return up;
}

// cache_bin_info_t *infos, szind_t ninfos, void *alloc, size_t *cur_offset: the room stays, zeroed.
void je_cache_bin_preincrement(void*, unsigned, void*, std::size_t* offset) noexcept {
  *offset += sizeof(void*);
}
void je_cache_bin_postincrement(void*, unsigned, void*, std::size_t* offset) noexcept {
  *offset += sizeof(void*);
}

}  // extern "C"
