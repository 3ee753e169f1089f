// A thread's vector registers, as what can hold a pointer: compilers move pairs of pointers through them (a swap of two
// structures), and memcpy does.
//
// By the calling convention nothing lives in them over a call. So a thread that sleeps in a call of libc's has none, and
// what its registers still show is stale; it would hide leaks by chance.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>

namespace weir {

// As much as is kept of a thread: up to the last of AVX-512. (AMX's tiles, behind that, hold matrices.)
inline constexpr std::size_t kVectorBytes = 4096;

struct VectorWords {
  const std::uint64_t* words = nullptr;
  std::uint32_t count = 0;
};

struct CodeRange {
  std::uint64_t start = 0, end = 0;
};
CodeRange libc_code() noexcept;

// Whether `pc` is behind, or again at, an instruction for a system call that lies in there.
bool is_at_system_call(const CodeRange& code, std::uint64_t pc) noexcept;

// Of a thread that a signal interrupted; empty where it has none that are live. They lie in the signal's frame.
VectorWords vectors_of(const ucontext_t& context, const CodeRange& libc) noexcept;

}  // namespace weir
