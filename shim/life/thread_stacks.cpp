#include "shim/life/thread_stacks.hpp"

#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"

extern "C" void* __libc_stack_end;

namespace weir {
namespace {

// Offsets into a thread's control block; 0: not found.
constinit std::uint64_t list_at = 0;    // its link in one of the lists below
constinit std::uint64_t tid_at = 0;     // the kernel clears it when the thread has ended
constinit std::uint64_t memory_at = 0;  // start of its memory, and the size behind that
// The lists' heads.
constinit std::uint64_t used_head = 0, cached_head = 0;

std::uint64_t word_at(std::uint64_t address) noexcept {
  return *reinterpret_cast<const std::uint64_t*>(address);
}

bool can_read(std::uint64_t address) noexcept {
  return address % 8 == 0 && is_readable(address);
}

// Of a list that is empty, or has this one link.
bool is_link_of(std::uint64_t head, std::uint64_t link) noexcept {
  return can_read(head) && can_read(head + 8) && word_at(head) == link && word_at(head + 8) == link;
}

// In struct rtld_global: stacks in use that glibc made, stacks that programs gave, stacks in the cache, and
// their bytes. The main thread stands in the second.
bool learn_lists(std::uint64_t control, std::uint64_t offset) noexcept {
  const std::uint64_t given = word_at(control + offset);
  if (word_at(control + offset + 8) != given || !is_link_of(given, control + offset)) return false;
  const std::uint64_t used = given - 16;
  const std::uint64_t cached = given + 16;
  const auto tid = static_cast<std::uint32_t>(word_at(control + offset + 16));
  if (!is_link_of(used, used) || !is_link_of(cached, cached)) return false;
  if (tid != static_cast<std::uint32_t>(sys::gettid())) return false;
  list_at = offset;
  tid_at = offset + 16;
  used_head = used;
  cached_head = cached;
  return true;
}

}  // namespace

void learn_thread_stacks() noexcept {
  constexpr std::uint64_t kMostBytes = 2304;
  const auto control = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  if (sys::gettid() != sys::getpid()) return;
  for (std::uint64_t at = 64; at < kMostBytes && can_read(control + at + 16); at += 8) {
    // The main thread's block has no start, and its size is where its stack ends.
    if (word_at(control + at) == 0 &&
        word_at(control + at + 8) == reinterpret_cast<std::uint64_t>(__libc_stack_end)) {
      memory_at = at;
    }
    if (list_at == 0) learn_lists(control, at);
  }
}

ThreadStack stack_of_thread(std::uint64_t control) noexcept {
  if (memory_at == 0 || !can_read(control + memory_at) || !can_read(control + memory_at + 8)) return {};
  const std::uint64_t start = word_at(control + memory_at);
  const std::uint64_t end = start + word_at(control + memory_at + 8);
  constexpr std::uint64_t kItself = 16;  // where the x86-64 ABI has the control block's own address
  if (start == 0 || start > control || end <= control || word_at(control + kItself) != control) return {};
  return {start, end, control};
}

namespace stacks {

std::uint64_t cached() noexcept {
  return memory_at != 0 ? cached_head : 0;
}
std::uint64_t used() noexcept {
  return memory_at != 0 ? used_head : 0;
}

std::uint64_t follow(std::uint64_t head, std::uint64_t link) noexcept {
  if (head == 0) return 0;
  const std::uint64_t next = word_at(link);
  if (next == head || !can_read(next) || !can_read(next + 8)) return 0;
  return word_at(next + 8) == link ? next : 0;
}

ThreadStack at_link(std::uint64_t link) noexcept {
  return stack_of_thread(link - list_at);
}

bool has_ended(std::uint64_t control) noexcept {
  return static_cast<std::uint32_t>(word_at(control + tid_at)) == 0;
}

}  // namespace stacks
}  // namespace weir
