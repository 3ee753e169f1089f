// Tells a sink of every operation, after it was done, with its result.
//
// No memory and no text of its own: the sink gets a record. log_text makes a line of it for those who want
// lines. Not thread-safe but for what is below and the sink.
#pragma once

#include "text.hpp"
#include "wrapper.hpp"

namespace weir {

struct Operation {
  enum class Kind : std::uint8_t { allocate, resize, remap, deallocate };

  Kind kind = Kind::allocate;
  const void* block = nullptr;   // that was given; nullptr for allocate
  Layout layout;                 // that was given
  std::size_t bytes = 0;         // asked for by resize and remap
  const void* result = nullptr;  // the block after it; nullptr: refused, or given back
  CallerAddress caller = nullptr;
};

struct OperationSink {
  void (*write)(void* context, const Operation& operation) noexcept = nullptr;
  void* context = nullptr;

  void operator()(const Operation& operation) const noexcept {
    if (write != nullptr) {
      write(context, operation);
    }
  }
};

// "remap 0x7f00 24 -> 48 aligned 16: 0x7f80, from 0x4011d2"
inline void describe(const Operation& operation, Line& out) noexcept {
  switch (operation.kind) {
    case Operation::Kind::allocate:
      out.text("allocate ").number(operation.layout.bytes);
      break;
    case Operation::Kind::resize:
    case Operation::Kind::remap:
      out.text(operation.kind == Operation::Kind::resize ? "resize " : "remap ").address(operation.block);
      out.text(" ").number(operation.layout.bytes).text(" -> ").number(operation.bytes);
      break;
    case Operation::Kind::deallocate:
      out.text("deallocate ").address(operation.block).text(" ").number(operation.layout.bytes);
      break;
  }
  out.text(" aligned ").number(operation.layout.alignment);
  if (operation.kind != Operation::Kind::deallocate) {
    out.text(": ");
    operation.result != nullptr ? out.address(operation.result) : out.text("refused");
  }
  out.text(", from ").address(operation.caller);
}

// A sink for Logging that writes lines to a TextSink; `lines` must outlive it.
inline OperationSink log_text(TextSink& lines) noexcept {
  return {[](void* context, const Operation& operation) noexcept {
            Line line;
            describe(operation, line);
            (*static_cast<TextSink*>(context))(line.view());
          },
          &lines};
}

template <Allocator A>
class Logging : public Wrapper<A> {
 public:
  Logging(A& below, OperationSink sink) noexcept : Wrapper<A>(below), sink_(sink) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = this->below_.allocate(layout, caller);
    sink_({Operation::Kind::allocate, nullptr, layout, 0, block, caller});
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const bool done = this->below_.resize(block, layout, bytes, caller);
    sink_({Operation::Kind::resize, block, layout, bytes, done ? block : nullptr, caller});
    return done;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    void* moved = this->below_.remap(block, layout, bytes, caller);
    sink_({Operation::Kind::remap, block, layout, bytes, moved, caller});
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    this->below_.deallocate(block, layout, caller);
    sink_({Operation::Kind::deallocate, block, layout, 0, nullptr, caller});
  }

 private:
  OperationSink sink_;
};

}  // namespace weir
