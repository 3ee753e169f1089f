#include "shim/watch/alloc_stacks.hpp"

#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/word_map.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/unwind/stack_depot.hpp"
#include "shim/watch/stack_file.hpp"
#include "shim/watch/stack_hash.hpp"

namespace weir {
namespace {

constinit SpinLock lock;
constinit WordMap places;  // depot's id -> place in `stacks`, from 1
constinit GrowingTable<RecordedStack> stacks;
constinit std::uint32_t used = 0;
constinit std::uint32_t generation = 1;

constinit StackFile stacks_file{"alloc_stacks"};
constinit StackFile failures_file{"fail_report"};

// Under the lock, which the buffer is behind too: threads may have small stacks.
constinit FrameToken frames[kNamedFrames];

std::uint32_t read_frames(StackId id) noexcept {
  bool cut = false;
  return drop_own_frames(frames, stack_depot.read(id, frames, kNamedFrames, &cut));
}

// Marks weir at work on this thread, so that nothing here is entered twice; nullptr when it is already.
class Work {
 public:
  Work() noexcept : thread_(make_thread_state()) {
    if (thread_ != nullptr && thread_->busy) thread_ = nullptr;
    if (thread_ != nullptr) thread_->busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  ~Work() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (thread_ != nullptr) thread_->busy = false;
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ThreadState* thread() const noexcept { return thread_; }

 private:
  ThreadState* thread_;
};

// Under the lock.
RecordedStack* add(StackId id, WatchedCall call) noexcept {
  if (!stacks.ensure(used + 1)) return nullptr;
  RecordedStack& stack = stacks[used++];
  stack.hash = portable_hash(frames, read_frames(id));
  stack.id = id;
  stack.first = call;
  places.insert(id, used);
  return &stack;
}

void write(RecordedStack& stack) noexcept {
  if (stack.written == generation) return;
  stack.written = generation;
  stacks_file.put_request("stack", stack.hash, stack.first, frames, read_frames(stack.id));
}

}  // namespace

bool set_up_alloc_stacks() noexcept {
  stacks_file.set_pattern(options.alloc_stacks);
  failures_file.set_pattern(options.fail_report);
  return stacks_file.wanted();
}

bool records_stacks() noexcept {
  return stacks_file.wanted();
}
bool reports_failures() noexcept {
  return failures_file.wanted();
}

RecordedStack* record_stack(WatchedCall call, CallSite site) noexcept {
  const Work work;
  if (work.thread() == nullptr) return nullptr;
  const StackId id = work.thread()->memo.stack_of(site);
  if (id == kNoStack) return nullptr;
  const std::uint64_t place = places.find(id);
  RecordedStack* stack = place != 0 ? &stacks[place - 1] : nullptr;
  if (stack == nullptr || (stack->written != generation && records_stacks())) {
    const SpinGuard guard(lock, false);
    const std::uint64_t now = places.find(id);
    stack = now != 0 ? &stacks[now - 1] : add(id, call);
    if (stack != nullptr && records_stacks()) write(*stack);
  }
  if (stack != nullptr) stack->requests.fetch_add(1, std::memory_order_relaxed);
  return stack;
}

void report_failure(const RecordedStack& stack, WatchedCall call) noexcept {
  const Work work;
  const SpinGuard guard(lock, false);
  failures_file.put_request("failed", stack.hash, call, frames, read_frames(stack.id));
}

void report_crash(int signal, CallSite site) noexcept {
  const Work work;
  const StackId id = work.thread() != nullptr ? work.thread()->memo.stack_of(site) : kNoStack;
  const SpinGuard guard(lock, true);  // the thread may have died under it
  if (guard.held()) failures_file.put_crash(signal, frames, id != kNoStack ? read_frames(id) : 0);
}

void begin_alloc_stacks() noexcept {
  stacks_file.begin_process();
  failures_file.begin_process();
}

void write_counts() noexcept {
  if (!records_stacks()) return;
  const Work work;
  const SpinGuard guard(lock, false);
  for (std::uint32_t i = 0; i < used; ++i) {
    const std::uint64_t requests = stacks[i].requests.load(std::memory_order_relaxed);
    if (requests != 0) stacks_file.put_count(stacks[i].hash, requests);
  }
}

void lock_alloc_stacks() noexcept {
  lock.lock();
}
void unlock_alloc_stacks() noexcept {
  lock.unlock();
}

void begin_alloc_stacks_in_child() noexcept {
  begin_alloc_stacks();
  if (stacks_file.is_one_for_each()) ++generation;
  for (std::uint32_t i = 0; i < used; ++i) stacks[i].requests.store(0, std::memory_order_relaxed);
}

}  // namespace weir
