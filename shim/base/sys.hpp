// System calls without libc between: no errno, no cancellation point, no lock, no interposition.
//
// Safe in signal handlers, in a raw fork's child and before libc is initialised. A failure is -errno.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace weir::sys {

inline long call_in_any_case(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                             long f = 0) noexcept {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// Set by life/sandbox where a filter that the process has set kills for some calls. Those are not made.
using Judge = bool(long number, const long (&arguments)[6]) noexcept;
inline constinit Judge* is_deadly = nullptr;

__attribute__((noinline, cold)) inline bool is_forbidden(long number, long a = 0, long b = 0, long c = 0,
                                                         long d = 0, long e = 0, long f = 0) noexcept {
  const long arguments[] = {a, b, c, d, e, f};
  return is_deadly != nullptr && is_deadly(number, arguments);
}

// -EPERM for one that would kill. Calls that the program makes through us go by call_in_any_case.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) noexcept {
  constexpr long kRefused = -1;  // -EPERM
  if (__builtin_expect(is_deadly != nullptr, 0) && is_forbidden(number, a, b, c, d, e, f)) return kRefused;
  return call_in_any_case(number, a, b, c, d, e, f);
}

inline long as_word(const void* p) noexcept {
  return reinterpret_cast<long>(p);
}

inline int open(const char* path, int flags, int mode = 0) noexcept {
  return static_cast<int>(call(SYS_openat, AT_FDCWD, as_word(path), flags, mode));
}
inline long read(int fd, void* to, std::size_t bytes) noexcept {
  return call(SYS_read, fd, as_word(to), static_cast<long>(bytes));
}
inline long pread(int fd, void* to, std::size_t bytes, std::uint64_t at) noexcept {
  return call(SYS_pread64, fd, as_word(to), static_cast<long>(bytes), static_cast<long>(at));
}
inline long write(int fd, const void* from, std::size_t bytes) noexcept {
  return call(SYS_write, fd, as_word(from), static_cast<long>(bytes));
}
inline void close(int fd) noexcept {
  call(SYS_close, fd);
}
// Of all descriptors from the first to the last.
inline void close_between(unsigned first, unsigned last) noexcept {
  if (first > last || call(SYS_close_range, first, last, 0) == 0) return;
  constexpr unsigned kMost = 1u << 16;
  for (unsigned fd = first; fd <= last && fd < kMost; ++fd) close(static_cast<int>(fd));
}
inline pid_t getpid() noexcept {
  return static_cast<pid_t>(call(SYS_getpid));
}
inline pid_t gettid() noexcept {
  return static_cast<pid_t>(call(SYS_gettid));
}
[[noreturn]] inline void exit_group(int status) noexcept {
  for (;;) call_in_any_case(SYS_exit_group, status);
}

// All of it, or as much as the descriptor takes.
inline void write_all(int fd, const void* from, std::size_t bytes) noexcept {
  const char* p = static_cast<const char*>(from);
  while (bytes != 0) {
    const long n = write(fd, p, bytes);
    if (n == -4 /* EINTR */) continue;
    if (n <= 0) return;
    p += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

// What the thread's gs points to, which no program of libc's kind has, but emulators do.
inline std::uint64_t gs_base() noexcept {
  constexpr long kGetGs = 0x1004;  // ARCH_GET_GS
  std::uint64_t base = 0;
  call(SYS_arch_prctl, kGetGs, as_word(&base));
  return base;
}

// What libc adds to the flags of each action that it sets; sigaction gives it back.
inline constexpr int kSaRestorer = 0x04000000;

// Nanoseconds of CLOCK_MONOTONIC. The plain system call: the vDSO is not needed where this is used.
inline std::uint64_t now_ns() noexcept {
  struct {
    long seconds, nanoseconds;
  } t{};
  call(SYS_clock_gettime, 1, as_word(&t));
  return static_cast<std::uint64_t>(t.seconds) * 1'000'000'000u + static_cast<std::uint64_t>(t.nanoseconds);
}

}  // namespace weir::sys
