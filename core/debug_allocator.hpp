// The allocator for development: finds leaks, double frees, writes outside of blocks and after free, wrong
// layouts; tells each with the call stacks of who allocated, who freed and who is calling.
//
//   // over pages, or over any allocator
//   DebugAllocator debug(DebugOptions{.handler = {print_report, nullptr}});
//   ...
//   // leaks; told one by one, and given back
//   if (debug.finish() != 0) ...
//
// A composition of the wrappers, below one lock: Logging (with a sink: a verbose log) over Tracking over
// Validating over Quarantine over what it was given. Thread-safe, whatever is below, as long as nobody else
// uses that. Stacks come from a capture function that the user gives; without one, a stack is the caller's
// address. Records and stacks lie in pages of their own. The handler runs under the lock and must not use
// this allocator; without one, misuse ends the process. Without finish(), the destructor calls it.
#pragma once

#include <mutex>

#include "wrap/call_stack.hpp"
#include "wrap/logging.hpp"
#include "wrap/quarantine.hpp"
#include "wrap/tracking.hpp"
#include "wrap/validating.hpp"

namespace weir {

// The misuse with real caller addresses, and the whole stacks where they are known, else nullptr.
struct DebugReport {
  Misuse misuse;
  const CallStack* here = nullptr;
  const CallStack* allocated = nullptr;
  const CallStack* freed = nullptr;
};

struct DebugHandler {
  void (*report)(void* context, const DebugReport& report) noexcept = nullptr;
  void* context = nullptr;
};

struct DebugOptions {
  DebugHandler handler = {};
  CaptureFunction capture = nullptr;
  OperationSink log = {};
  Clock clock = {};
  QuarantineBudget quarantine = {};
};

template <Allocator A = PageAllocator>
class DebugAllocator {
 public:
  explicit DebugAllocator(DebugOptions options = {}) noexcept requires std::same_as<A, PageAllocator>
      : DebugAllocator(page_allocator, options) {}
  explicit DebugAllocator(A& below, DebugOptions options = {}) noexcept
      : options_(options),
        bottom_(below),
        quarantine_(bottom_, own_handler(), options.quarantine),
        validating_(quarantine_, own_handler()),
        tracking_(validating_, own_handler(), options.clock) {}
  ~DebugAllocator() { finish(); }
  DebugAllocator(const DebugAllocator&) = delete;
  DebugAllocator& operator=(const DebugAllocator&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    const FrameBuffer frames(options_.capture, caller);
    const std::lock_guard held(mutex_);
    const CallStack* stack = stacks_.intern(frames, nullptr);
    void* block = stack != nullptr ? tracking_.allocate(layout, stack) : nullptr;
    log({Operation::Kind::allocate, nullptr, layout, 0, block, caller});
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const FrameBuffer frames(options_.capture, caller);
    const std::lock_guard held(mutex_);
    const CallStack* stack = stacks_.intern(frames, nullptr);
    const bool done = stack != nullptr && tracking_.resize(block, layout, bytes, stack);
    log({Operation::Kind::resize, block, layout, bytes, done ? block : nullptr, caller});
    return done;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const FrameBuffer frames(options_.capture, caller);
    const std::lock_guard held(mutex_);
    const CallStack* stack = stacks_.intern(frames, nullptr);
    void* moved = stack != nullptr ? tracking_.remap(block, layout, bytes, stack) : nullptr;
    log({Operation::Kind::remap, block, layout, bytes, moved, caller});
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    const FrameBuffer frames(options_.capture, caller);
    const std::lock_guard held(mutex_);
    const LiveBlock* live = tracking_.find_live(block);
    const auto* born = live != nullptr ? static_cast<const CallStack*>(live->caller) : nullptr;
    // The stack of the free remembers that of the allocation: for reports on blocks that are gone.
    tracking_.deallocate(block, layout, stacks_.intern(frames, born));
    log({Operation::Kind::deallocate, block, layout, 0, nullptr, caller});
  }

  bool owns(const void* address) const noexcept {
    const std::lock_guard held(mutex_);
    return tracking_.owns(address);
  }
  std::size_t usable_size(const void*, Layout layout) const noexcept { return layout.bytes; }

  // Looks at all canaries and at all that was freed; the number of damaged blocks, each of which is told.
  std::size_t check() noexcept {
    const std::lock_guard held(mutex_);
    return validating_.check_all() + quarantine_.check_all();
  }

  // Tells each live block as a leak, looks at all canaries and freed blocks, gives all memory back. The
  // number of leaks. What was allocated is gone after it; it may go on being used.
  std::size_t finish() noexcept {
    const std::lock_guard held(mutex_);
    const std::size_t leaks = tracking_.report_leaks(own_handler());
    while (const LiveBlock* block = tracking_.any_live()) {
      tracking_.deallocate(const_cast<void*>(block->address()), block->layout, block->caller);
    }
    quarantine_.flush();
    return leaks;
  }

  Usage usage() const noexcept {
    const std::lock_guard held(mutex_);
    return tracking_.usage();
  }

  // The live blocks in the order in which they were allocated; `caller` of a block is a CallStack*.
  template <typename F>
  void for_each_live(F&& f) const noexcept {
    const std::lock_guard held(mutex_);
    tracking_.for_each_live(f);
  }

 private:
  using Bottom = CallersFromStacks<A>;
  using Held = Quarantine<Bottom>;
  using Checked = Validating<Held>;

  MisuseHandler own_handler() noexcept {
    return {
        [](void* self, const Misuse& misuse) noexcept { static_cast<DebugAllocator*>(self)->tell(misuse); },
        this};
  }

  void log(const Operation& operation) const noexcept { options_.log(operation); }

  // What the layers call callers are our stacks.
  void tell(Misuse misuse) noexcept {
    look_into_quarantine(misuse);
    DebugReport report{misuse, static_cast<const CallStack*>(misuse.caller),
                       static_cast<const CallStack*>(misuse.allocated_by),
                       static_cast<const CallStack*>(misuse.freed_by)};
    if (report.allocated == nullptr && report.freed != nullptr) {
      report.allocated = report.freed->allocated;
    }
    report.misuse.caller = caller_of(report.here);
    report.misuse.allocated_by = caller_of(report.allocated);
    report.misuse.freed_by = caller_of(report.freed);
    if (options_.handler.report == nullptr) {
      std::abort();
    }
    options_.handler.report(options_.handler.context, report);
  }

  // Quarantine speaks of blocks with their canaries, and Tracking does not know what was freed.
  void look_into_quarantine(Misuse& misuse) noexcept {
    if (misuse.kind == MisuseKind::written_after_free) {
      const std::size_t front = Canary::front(misuse.known.alignment);
      misuse.block = static_cast<const std::byte*>(misuse.block) + front;
      misuse.offset -= static_cast<std::ptrdiff_t>(front);
      misuse.known.bytes -= front + Canary::kBytes;
    } else if (misuse.kind == MisuseKind::unknown_block) {
      const std::size_t front = Canary::front(misuse.given.alignment);
      const FreedBlock* freed =
          quarantine_.find(reinterpret_cast<const void*>(address_of(misuse.block) - front));
      if (freed != nullptr) {
        misuse.kind = MisuseKind::double_free;
        misuse.known = freed->layout.with_bytes(freed->layout.bytes - front - Canary::kBytes);
        misuse.freed_by = freed->caller;
      }
    }
  }

  mutable std::mutex mutex_;
  DebugOptions options_;
  CallStacks stacks_;
  Bottom bottom_;
  Held quarantine_;
  Checked validating_;
  Tracking<Checked> tracking_;
};

}  // namespace weir
