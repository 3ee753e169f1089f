// The allocator for tests: a leak, a double free, a write outside of a block or after free, a wrong size or
// alignment fails the test that runs, with the call stacks of the allocation, the free and the call.
//
// It knows no test framework: what fails a test, what captures a stack and what names an address is given.
// core/testing/gtest.hpp does so for GoogleTest. Underneath is a DebugAllocator on pages, which says what is
// found and when; thread-safe. A block costs a page at least: this is for tests of thousands of blocks, not
// of millions. finish() ends the test's use of memory, and the destructor does it otherwise.
#pragma once

#include "debug_allocator.hpp"

namespace weir {

struct TestingHooks {
  // Fails the running test. The message has several lines.
  void (*fail)(void* context, std::string_view message) noexcept = nullptr;
  void* context = nullptr;
  CaptureFunction capture = nullptr;
  // Adds what is known of a return address to a line: function, module.
  void (*name)(CallerAddress address, Line& line) noexcept = nullptr;
};

class TestingAllocator {
 public:
  explicit TestingAllocator(TestingHooks hooks) noexcept
      : hooks_(hooks), debug_(DebugOptions{.handler = {on_report, this}, .capture = hooks.capture}) {}
  ~TestingAllocator() { finish(); }
  TestingAllocator(const TestingAllocator&) = delete;
  TestingAllocator& operator=(const TestingAllocator&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return debug_.allocate(layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return debug_.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return debug_.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    debug_.deallocate(block, layout, caller);
  }
  bool owns(const void* address) const noexcept { return debug_.owns(address); }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return debug_.usable_size(block, layout);
  }

  // Fails the test now for what is damaged already; the number of damaged blocks.
  std::size_t check() noexcept { return debug_.check(); }

  // Fails the test for each leak (in full for the first kLeaksInFull), and for what is damaged.
  // The number of leaks.
  std::size_t finish() noexcept {
    leaks_told_ = 0;
    const std::size_t leaks = debug_.finish();
    if (leaks > kLeaksInFull) {
      Line line;
      line.text("leak: ").number(leaks - kLeaksInFull).text(" more blocks");
      hooks_.fail(hooks_.context, line.view());
    }
    return leaks;
  }

  Usage usage() const noexcept { return debug_.usage(); }

  static constexpr std::size_t kLeaksInFull = 16;

 private:
  using Message = TextBuffer<std::size_t{16} << 10>;

  static void on_report(void* self, const DebugReport& report) noexcept {
    static_cast<TestingAllocator*>(self)->fail(report);
  }

  void fail(const DebugReport& report) noexcept {
    if (report.misuse.kind == MisuseKind::leak && ++leaks_told_ > kLeaksInFull) {
      return;
    }
    Message message;
    describe(report.misuse, message);
    add_stack(message, "found at", report.here);
    add_stack(message, "allocated at", report.allocated);
    add_stack(message, "freed at", report.freed);
    hooks_.fail(hooks_.context, message.view());
  }

  void add_stack(Message& message, std::string_view title, const CallStack* stack) const noexcept {
    if (stack == nullptr) {
      return;
    }
    message.text("\n  ").text(title);
    for (std::size_t i = 0; i != stack->depth; ++i) {
      Line line;
      line.text("\n    #").number(i).text(" ").address(stack->frames()[i]);
      if (hooks_.name != nullptr) {
        hooks_.name(stack->frames()[i], line.text(" "));
      }
      message.text(line.view());
    }
  }

  TestingHooks hooks_;
  std::size_t leaks_told_ = 0;
  DebugAllocator<> debug_;
};

static_assert(Allocator<TestingAllocator>);

}  // namespace weir
