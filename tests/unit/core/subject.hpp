// What the conformance suite and the fuzzer are run on, behind one face: so they are compiled once, and not once for
// each of sixty allocators, which took the compiler minutes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <vector>

#include "core/any_allocator.hpp"
#include "tests/unit/core/conformance_model.hpp"

namespace weir::test {

class Subject {
 public:
  virtual ~Subject() = default;

  virtual AnyAllocator allocator() = 0;
  virtual Traits traits() const = 0;

  // What a case may have, and else does not; conformance.hpp says what each of them means.
  virtual bool reset() { return false; }
  virtual bool has_reset() const { return false; }
  virtual bool has_probe() const { return false; }
  virtual std::size_t probed_calls() const { return 0; }
  virtual std::size_t strangers() const { return 0; }
  virtual const void* past_the_end() const { return nullptr; }
  virtual void finish() {}
};

template <typename Case>
class SubjectOf final : public Subject {
 public:
  AnyAllocator allocator() override { return case_.allocator(); }
  Traits traits() const override { return Case::kTraits; }

  bool has_reset() const override { return kHasReset; }
  bool reset() override {
    if constexpr (kHasReset) case_.reset();
    return kHasReset;
  }
  bool has_probe() const override { return kHasProbe; }
  std::size_t probed_calls() const override {
    if constexpr (kHasProbe) return case_.probe().calls();
    return 0;
  }
  std::size_t strangers() const override {
    if constexpr (kHasProbe) return case_.probe().strangers();
    return 0;
  }
  const void* past_the_end() const override {
    if constexpr (requires(Case & c) { c.past_the_end(); }) return case_.past_the_end();
    return nullptr;
  }
  void finish() override {
    if constexpr (requires(Case & c) { c.finish(); }) case_.finish();
  }

 private:
  static constexpr bool kHasReset = requires(Case & c) { c.reset(); };
  static constexpr bool kHasProbe = requires(Case & c) { c.probe(); };

  mutable Case case_;
};

// Builds a subject, on the heap: once for each test.
struct SubjectMaker {
  const char* name;
  std::unique_ptr<Subject> (*make)();

  template <typename Case>
  static SubjectMaker of(const char* name) {
    return {name, []() -> std::unique_ptr<Subject> { return std::make_unique<SubjectOf<Case>>(); }};
  }

  friend void PrintTo(const SubjectMaker& maker, std::ostream* out) { *out << maker.name; }
};

}  // namespace weir::test
