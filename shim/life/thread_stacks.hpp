// Where the stacks of threads lie, as glibc keeps them.
//
// glibc gives each thread one block of memory: the stack, and at its end the thread's control block. A block
// whose thread has ended goes to a cache, for the next thread; what lies in it then is nobody's. glibc has no
// function that tells this without a lock and an allocation (pthread_getattr_np has both), so weir learns
// where its lists and fields are from the main thread's control block, before there is another thread: they
// have values there that nothing else has. Where they are not found (a libc that keeps them otherwise) no
// stack is known, and the leak check searches all of them, whole.
//
// Read while all threads stand still, without glibc's lock: a list that is just being changed ends early, or
// has a block too many or too few; no address is used that was not looked at first. O(threads).
#pragma once

#include <cstdint>
#include <initializer_list>

namespace weir {

struct ThreadStack {
  std::uint64_t start, end;  // with the control block; all 0: not known
  std::uint64_t control;     // the control block
};

// Once, by the constructor, on the main thread.
void learn_thread_stacks() noexcept;

// The stack of the thread whose control block this is; all 0 for the main thread's.
ThreadStack stack_of_thread(std::uint64_t control) noexcept;

enum class StackUse {
  kCached,  // by no thread: glibc keeps it for the next
  kEnded,   // by a thread that has ended and was not joined yet; its control block holds the result
};

// Calls visit(const ThreadStack&, StackUse) for the stacks that no thread runs on any more.
template <typename F>
void for_unused_stacks(F&& visit) noexcept;

namespace stacks {

// A link of glibc's lists.
struct Link {
  std::uint64_t next, previous;
};

// The list's next link, if it points back; 0 at the end and where something is not as it should be.
std::uint64_t follow(std::uint64_t head, std::uint64_t link) noexcept;
std::uint64_t cached() noexcept;  // the heads, 0: not known
std::uint64_t used() noexcept;
ThreadStack at_link(std::uint64_t link) noexcept;
bool has_ended(std::uint64_t control) noexcept;

}  // namespace stacks

template <typename F>
void for_unused_stacks(F&& visit) noexcept {
  constexpr unsigned kMost = 1u << 20;
  for (const StackUse use : {StackUse::kCached, StackUse::kEnded}) {
    const std::uint64_t head = use == StackUse::kCached ? stacks::cached() : stacks::used();
    std::uint64_t link = head;
    for (unsigned n = 0; n < kMost && (link = stacks::follow(head, link)) != 0; ++n) {
      const ThreadStack stack = stacks::at_link(link);
      if (stack.end == 0) break;
      if (use == StackUse::kCached || stacks::has_ended(stack.control)) visit(stack, use);
    }
  }
}

}  // namespace weir
