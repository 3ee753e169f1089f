// TestingAllocator for GoogleTest: heap errors are failures of the running test, with named call stacks.
//
//   TEST(Parser, KeepsNothing) {
//     weir::GtestAllocator allocator;
//     parse("...", allocator);
//   }                                          // leaks fail the test here
//
// A stack's line is "function at file:line (module+offset)". Functions, static ones as well, and lines are read from the
// test's symbols and debug information (-g) by addr2line, where that is installed (source_lines.hpp); without it functions
// that are exported have names, those of the program when it is linked with -rdynamic.
//
// The only header of core/ that includes GoogleTest, and asks glibc for stacks (backtrace) and names (dladdr).
// Thread-safe as GoogleTest's failures are.
#pragma once

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "../testing_allocator.hpp"
#include "source_lines.hpp"

namespace weir {

class GtestAllocator : public TestingAllocator {
 public:
  GtestAllocator() noexcept : TestingAllocator(TestingHooks{fail, nullptr, capture, name}) {}

 private:
  static void fail(void* /*context*/, std::string_view message) noexcept { ADD_FAILURE() << message; }

  static std::size_t capture(CallerAddress* frames, std::size_t most) noexcept {
    void* found[kMostFrames];
    const int depth =
        ::backtrace(found, static_cast<int>(most < kMostFrames ? most : std::size_t{kMostFrames}));
    std::copy(found, found + depth, frames);
    return static_cast<std::size_t>(depth);
  }

  static void name(CallerAddress address, Line& line) noexcept {
    Dl_info info{};
    if (::dladdr(address, &info) == 0) {
      return;
    }
    if (SourceLines::describe(address, line)) {
      line.text(" ");
    } else if (info.dli_sname != nullptr) {
      int status = 0;
      char* readable = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
      line.text(readable != nullptr ? readable : info.dli_sname).text(" ");
      std::free(readable);
    }
    if (info.dli_fname != nullptr) {
      const std::string_view file = info.dli_fname;
      line.text("(").text(file.substr(file.rfind('/') + 1)).text("+");
      line.address(reinterpret_cast<const void*>(address_of(address) - address_of(info.dli_fbase)));
      line.text(")");
    }
  }
};

}  // namespace weir
