// Where an access began that crosses into a page without access: the processor tells the first byte of that page only.
//
// The instruction is read as far as its memory operand. Async-signal-safe; reads nothing but the instruction.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace weir::pages {

// The address of the operand that reaches over `fault`, which begins a page; `fault` itself where none is known.
std::uint64_t access_start(const ucontext_t& interrupted, std::uint64_t fault) noexcept;

}  // namespace weir::pages
