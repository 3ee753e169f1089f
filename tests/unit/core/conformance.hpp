// The one suite that every allocator, combinator, wrapper and stack of them passes.
//
// A case is a type that builds what is tested:
//
//   struct SmallBuffer {
//     static constexpr weir::test::Traits kTraits{.max_bytes = 4096, .bounded = true, .reuse = ...};
//     std::array<std::byte, 65536> storage;
//     weir::FixedBuffer buffer{storage};
//     weir::FixedBuffer& allocator() { return buffer; }
//   };
//   WEIR_CONFORMANCE(SmallBuffer, SmallBuffer);
//   WEIR_FUZZ(SmallBuffer, SmallBuffer);               // fuzz.hpp
//
// It may also have
//   void reset()                   gives back all blocks at once; the suite forgets them (arena, fixed buffer)
//   const CallerProbe<X>& probe()  a probe in the stack; every request that reaches it must name the caller
//   const void* past_the_end()     the first byte behind all memory of an allocator with a range of its own
//   void finish()                  called when all blocks have been given back: counters are zero, nothing leaked
#pragma once

#include "tests/unit/core/subject.hpp"

namespace weir::test {

// Every test of the suite runs on it.
bool register_subject(const SubjectMaker& maker);

}  // namespace weir::test

#define WEIR_CONFORMANCE(Name, Case)                           \
  [[maybe_unused]] static const bool weir_conformance_##Name = \
      ::weir::test::register_subject(::weir::test::SubjectMaker::of<Case>(#Name))
