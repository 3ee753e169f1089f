// What AddressSanitizer and Valgrind's memcheck are told of the allocators' memory: which bytes of it are a block's,
// so that they find an overrun, a use after free or after reset in an arena as they do in malloc's memory.
//
// - In a build with -fsanitize=address bytes are poisoned and unpoisoned. In others, where valgrind/memcheck.h is
//   there when the program is compiled, client requests are made while the program runs under Valgrind; elsewhere that
//   is a test of one flag, which -DWEIR_NO_VALGRIND leaves out. Without both nothing is here but empty functions.
// - Arenas and BlockPools leave kGap bytes behind each block then, so that one block's overrun does not end in the
//   next one. Memory of a fixed size (BumpAllocator, FixedBuffer, FixedPool) has no room to spare: there an overrun
//   is found where the next bytes are nobody's. AddressSanitizer knows bytes in groups of 8: of a group that two blocks
//   share all of the first one's bytes count as allocated.
// - Memory that was given to an allocator is all accessible again when the allocator goes, and must live until then.
//   A FixedBufferOf has its memory in itself, and is known to AddressSanitizer only.
// - Valgrind's reports of a use after free name the calls that allocated and freed the block. Its redzones are not used,
//   which would reach beyond the allocator's memory: an overrun's report names the access alone. A block in an
//   allocator that is never destroyed may be called a leak.
// - A chunk or a buffer of more than a gigabyte is left out.
// - Thread-safe as far as no two threads tell of the same bytes. O(bytes) in a build or run with a checker.
//
// A pool's key is an address by which Valgrind knows it. Nothing is read anywhere; what points to const memory the
// compiler would take to be read.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ASAN 1
#endif
#endif
#ifndef WEIR_ASAN
#define WEIR_ASAN 0
#endif

#if WEIR_ASAN
#include <sanitizer/asan_interface.h>
#elif !defined(WEIR_NO_VALGRIND) && __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define WEIR_MEMCHECK 1
#endif
#ifndef WEIR_MEMCHECK
#define WEIR_MEMCHECK 0
#endif

// For a destructor that is only there where it has something to tell.
#if WEIR_ASAN
#define WEIR_IF_ASAN(...) __VA_ARGS__
#else
#define WEIR_IF_ASAN(...)
#endif
#if WEIR_ASAN || WEIR_MEMCHECK
#define WEIR_IF_CHECKED(...) __VA_ARGS__
#else
#define WEIR_IF_CHECKED(...)
#endif

namespace weir::sanitizer {

inline constexpr std::size_t kGap = 16;

// Memory larger than this, which mostly is address space, stays as it is: telling of it would take memory itself.
inline constexpr std::size_t kMostBytes = std::size_t{1} << 30;

// Whether somebody is to be told.
#if WEIR_ASAN
constexpr bool active() noexcept {
  return true;
}
#elif WEIR_MEMCHECK
inline const bool running_on_valgrind = [] { return RUNNING_ON_VALGRIND != 0; }();
inline bool active() noexcept {
  return running_on_valgrind;
}
#else
constexpr bool active() noexcept {
  return false;
}
#endif

#if WEIR_ASAN || WEIR_MEMCHECK

// Nobody may touch these bytes.
[[gnu::cold, gnu::noinline]] inline void close(void* at, std::size_t bytes) noexcept {
#if WEIR_ASAN
  if (bytes != 0) __asan_poison_memory_region(at, bytes);
#else
  VALGRIND_MAKE_MEM_NOACCESS(at, bytes);
#endif
}

// They are somebody's again, with nothing in them.
[[gnu::cold, gnu::noinline]] inline void open(void* at, std::size_t bytes) noexcept {
#if WEIR_ASAN
  if (bytes != 0) __asan_unpoison_memory_region(at, bytes);
#else
  VALGRIND_MAKE_MEM_UNDEFINED(at, bytes);
#endif
}

// They are somebody's again, as they were.
[[gnu::cold, gnu::noinline]] inline void open_defined(void* at, std::size_t bytes) noexcept {
#if WEIR_ASAN
  open(at, bytes);
#else
  VALGRIND_MAKE_MEM_DEFINED(at, bytes);
#endif
}

// A block of the pool.
[[gnu::cold, gnu::noinline]] inline void allocated([[maybe_unused]] const void* pool, void* block,
                                                   std::size_t bytes) noexcept {
#if WEIR_ASAN
  open(block, bytes);
#else
  if (VALGRIND_MEMPOOL_EXISTS(pool) == 0) VALGRIND_CREATE_MEMPOOL(pool, 0, 0);
  VALGRIND_MEMPOOL_ALLOC(pool, block, bytes);
#endif
}

[[gnu::cold, gnu::noinline]] inline void freed([[maybe_unused]] const void* pool, void* block,
                                               std::size_t bytes) noexcept {
#if WEIR_ASAN
  close(block, bytes);
#else
  VALGRIND_MEMPOOL_FREE(pool, block);
  close(block, bytes);
#endif
}

[[gnu::cold, gnu::noinline]] inline void resized([[maybe_unused]] const void* pool, void* block,
                                                 std::size_t from, std::size_t to) noexcept {
#if WEIR_MEMCHECK
  VALGRIND_MEMPOOL_CHANGE(pool, block, block, to);
#endif
  auto* const begin = static_cast<std::byte*>(block);
  if (to < from) {
    close(begin + to, from - to);
  } else {
    open(begin + from, to - from);
  }
}

// The pool has no blocks any more; what becomes of their bytes is to be told besides.
[[gnu::cold, gnu::noinline]] inline void forget([[maybe_unused]] const void* pool) noexcept {
#if WEIR_MEMCHECK
  if (VALGRIND_MEMPOOL_EXISTS(pool) != 0) VALGRIND_DESTROY_MEMPOOL(pool);
#endif
}

// Of the pool's memory only the first `used` bytes have blocks still.
[[gnu::cold, gnu::noinline]] inline void cut(const void* pool, void* memory, std::size_t used,
                                             std::size_t bytes) noexcept {
  if (used == 0) forget(pool);
#if WEIR_MEMCHECK
  if (used != 0 && VALGRIND_MEMPOOL_EXISTS(pool) != 0) VALGRIND_MEMPOOL_TRIM(pool, memory, used);
#endif
  close(static_cast<std::byte*>(memory) + used, bytes - used);
}

// The pool goes, and leaves its memory to whoever gave it.
[[gnu::cold, gnu::noinline]] inline void end(const void* pool, void* memory, std::size_t bytes) noexcept {
  forget(pool);
  open_defined(memory, bytes);
}

#else

inline void close(void* /*at*/, std::size_t /*bytes*/) noexcept {}
inline void open(void* /*at*/, std::size_t /*bytes*/) noexcept {}
inline void open_defined(void* /*at*/, std::size_t /*bytes*/) noexcept {}
inline void allocated(const void* /*pool*/, void* /*block*/, std::size_t /*bytes*/) noexcept {}
inline void freed(const void* /*pool*/, void* /*block*/, std::size_t /*bytes*/) noexcept {}
inline void resized(const void* /*pool*/, void* /*block*/, std::size_t /*from*/,
                    std::size_t /*to*/) noexcept {}
inline void forget(const void* /*pool*/) noexcept {}
inline void cut(const void* /*pool*/, void* /*memory*/, std::size_t /*used*/,
                std::size_t /*bytes*/) noexcept {}
inline void end(const void* /*pool*/, void* /*memory*/, std::size_t /*bytes*/) noexcept {}

#endif

// For the allocator's own words in memory that is nobody's: accessible as long as this lives.
class Access {
 public:
  Access(const void* at, std::size_t bytes) noexcept : at_(const_cast<void*>(at)), bytes_(bytes) {
    if (active()) [[unlikely]]
      open_defined(at_, bytes_);
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  ~Access() {
    if (active()) [[unlikely]]
      close(at_, bytes_);
  }

 private:
  void* at_;
  std::size_t bytes_;
};

}  // namespace weir::sanitizer
