// Random operations on an allocator, each checked against the model of its live blocks (conformance_model.hpp).
//
// A failure prints the seed and the number of steps: WEIR_FUZZ_SEED and WEIR_FUZZ_STEPS run the same again.
// Without WEIR_FUZZ_STEPS a run lasts a tenth of a second, half a second in scripts/test --all, with another seed each
// time. Cases are those of conformance.hpp; a shared one is run by several threads at once,
// each with a model of its own:
//
//   WEIR_FUZZ(Name, Case);
//   WEIR_FUZZ_THREADS(Name, Case);
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/core/subject.hpp"

namespace weir::test {

void fuzz(const SubjectMaker& maker);
void fuzz_threads(const SubjectMaker& maker);

}  // namespace weir::test

#define WEIR_FUZZ(Name, Case)                                        \
  TEST(Fuzz, Name) {                                                 \
    ::weir::test::fuzz(::weir::test::SubjectMaker::of<Case>(#Name)); \
  }                                                                  \
  static_assert(true)

#define WEIR_FUZZ_THREADS(Name, Case)                                        \
  TEST(FuzzThreads, Name) {                                                  \
    ::weir::test::fuzz_threads(::weir::test::SubjectMaker::of<Case>(#Name)); \
  }                                                                          \
  static_assert(true)
