// Call stacks, each kept once: a pointer stands for one, and goes through the layers in a caller's place.
//
// Who knows how to walk a stack is not core/'s business: the capture function is given. Interning costs one
// lookup and, for a new stack, a copy into pages that are given back at the end. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>

#include "../pages.hpp"
#include "records.hpp"
#include "wrapper.hpp"

namespace weir {

inline constexpr std::size_t kMostFrames = 32;

// Writes return addresses, innermost first, and answers how many; may leave out its own frames.
using CaptureFunction = std::size_t (*)(CallerAddress* frames, std::size_t most) noexcept;

struct CallStack {
  CallerAddress caller;        // as it was given to the allocator
  const CallStack* allocated;  // of a stack that freed a block: the one that allocated it
  std::size_t depth;
  CallStack* next_of_hash;

  const CallerAddress* frames() const noexcept { return reinterpret_cast<const CallerAddress*>(this + 1); }
};

inline CallerAddress caller_of(const CallStack* stack) noexcept {
  return stack != nullptr ? stack->caller : nullptr;
}

// The stack of the running call: what the capture function sees from the caller on, else the caller alone.
class FrameBuffer {
 public:
  FrameBuffer(CaptureFunction capture, CallerAddress caller) noexcept : caller_(caller) {
    depth_ = capture != nullptr ? capture(frames_, kMostFrames) : 0;
    if (depth_ == 0) {
      frames_[depth_++] = caller;
      return;
    }
    CallerAddress* end = frames_ + depth_;
    // The caller is a return address, or a place in front of one (core/typed.hpp).
    CallerAddress* of_caller = std::find_if(frames_, end, [caller](CallerAddress frame) noexcept {
      return address_of(frame) - address_of(caller) < kSameCall;
    });
    if (of_caller != end) {
      depth_ = static_cast<std::size_t>(std::copy(of_caller, end, frames_) - frames_);
    }
  }

  CallerAddress caller() const noexcept { return caller_; }
  std::size_t depth() const noexcept { return depth_; }
  const CallerAddress* frames() const noexcept { return frames_; }

 private:
  static constexpr std::size_t kSameCall = 256;  // bytes of code

  CallerAddress caller_;
  std::size_t depth_;
  CallerAddress frames_[kMostFrames];
};

class CallStacks {
 public:
  CallStacks() noexcept : by_hash_(page_allocator) {}
  CallStacks(const CallStacks&) = delete;
  CallStacks& operator=(const CallStacks&) = delete;
  ~CallStacks() {
    while (chunk_ != nullptr) {
      Chunk* older = chunk_->older;
      unmap_pages(chunk_, kChunkBytes);
      chunk_ = older;
    }
  }

  // The one stack that is equal to these frames; nullptr without memory.
  const CallStack* intern(const FrameBuffer& frames, const CallStack* allocated) noexcept {
    const std::uintptr_t hash = hash_of(frames, allocated);
    Bucket* bucket = by_hash_.find(hash);
    CallStack* first = bucket != nullptr ? bucket->first : nullptr;
    for (CallStack* stack = first; stack != nullptr; stack = stack->next_of_hash) {
      if (stack->caller == frames.caller() && stack->allocated == allocated &&
          std::equal(frames.frames(), frames.frames() + frames.depth(), stack->frames(),
                     stack->frames() + stack->depth)) {
        return stack;
      }
    }
    if (bucket == nullptr && !by_hash_.reserve(nullptr)) {
      return nullptr;
    }
    void* memory = carve(sizeof(CallStack) + frames.depth() * sizeof(CallerAddress));
    if (memory == nullptr) {
      return nullptr;
    }
    auto* stack = new (memory) CallStack{frames.caller(), allocated, frames.depth(), first};
    std::memcpy(static_cast<void*>(stack + 1), static_cast<const void*>(frames.frames()),
                frames.depth() * sizeof(CallerAddress));
    if (bucket != nullptr) {
      bucket->first = stack;
    } else {
      by_hash_.insert({hash, stack});
    }
    return stack;
  }

 private:
  static constexpr std::size_t kChunkBytes = 16 * kPageSize;
  struct Chunk {
    Chunk* older;
  };
  struct Bucket {
    std::uintptr_t key = 0;
    CallStack* first = nullptr;
  };

  static std::uintptr_t hash_of(const FrameBuffer& frames, const CallStack* allocated) noexcept {
    std::uintptr_t hash = address_of(allocated) ^ address_of(frames.caller());
    for (std::size_t i = 0; i != frames.depth(); ++i) {
      hash = (hash ^ address_of(frames.frames()[i])) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
    return hash | 1;
  }

  void* carve(std::size_t bytes) noexcept {
    if (chunk_ == nullptr || bytes > kChunkBytes - used_) {
      void* pages = map_pages(kChunkBytes);
      if (pages == nullptr) {
        return nullptr;
      }
      chunk_ = new (pages) Chunk{chunk_};
      used_ = sizeof(Chunk);
    }
    void* at = reinterpret_cast<std::byte*>(chunk_) + used_;
    used_ += bytes;
    return at;
  }

  Records<Bucket, PageAllocator> by_hash_;
  Chunk* chunk_ = nullptr;
  std::size_t used_ = 0;
};

// Gives what is below the caller of a stack instead of the stack.
template <Allocator A>
class CallersFromStacks : public Wrapper<A> {
 public:
  explicit CallersFromStacks(A& below) noexcept : Wrapper<A>(below) {}

  void* allocate(Layout layout, CallerAddress stack) noexcept {
    return this->below_.allocate(layout, caller(stack));
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress stack) noexcept {
    return this->below_.resize(block, layout, bytes, caller(stack));
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress stack) noexcept {
    return this->below_.remap(block, layout, bytes, caller(stack));
  }
  void deallocate(void* block, Layout layout, CallerAddress stack) noexcept {
    this->below_.deallocate(block, layout, caller(stack));
  }

 private:
  static CallerAddress caller(CallerAddress stack) noexcept {
    return caller_of(static_cast<const CallStack*>(stack));
  }
};

}  // namespace weir
