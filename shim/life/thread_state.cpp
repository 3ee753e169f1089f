#include "shim/life/thread_state.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include "core/pages.hpp"
#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/thread_names.hpp"
#include "shim/route/thread_cache.hpp"
#include "shim/track/heap_totals.hpp"

extern "C" void* __libc_stack_end;

namespace weir {

__thread ThreadState* this_thread = nullptr;
constinit ThreadEnd* at_thread_end = nullptr;

namespace {

constexpr std::uint32_t kMostThreads = 1u << 20;

constinit SpinLock lock;
constinit std::uint64_t table_start = 0;
constinit std::atomic<std::uint32_t> made{0};

// States of ended threads: the latest in a list, as they are; beyond those, a bit each for states whose memory
// was given back, zeroed.
constexpr std::uint32_t kMostWarm = 32;
constinit ThreadState* free_list = nullptr;
constinit std::uint32_t warm = 0;
constinit std::uint64_t cold[kMostThreads / 64] = {};
constinit std::uint32_t first_cold = kMostThreads / 64;  // no word in front of this one has a bit

constinit BlockTag first_tag = kNoTag;  // of a thread that has pushed none

constinit SpinLock late_lock;
constinit ThreadState* late_state = nullptr;

// Set for a thread that has ended its state: there is no way back.
__thread bool over __attribute__((tls_model("initial-exec"))) = false;
__thread unsigned char destructor_rounds __attribute__((tls_model("initial-exec"))) = 0;

pthread_key_t exit_key;
bool exits_watched = false;

bool keeps_free_stacks() noexcept {
  return options.mode == kModeGuard && options.stacks == kStacksBoth;
}

// What a memo needs when it has grown lies behind the states' own pages, in pages of its own.
constexpr std::size_t kOwnBytes = round_up(sizeof(ThreadState), kPageSize);

std::uint32_t most_frames() noexcept {
  return static_cast<std::uint32_t>(options.malloc_context_size);
}
std::size_t memo_bytes() noexcept {
  return round_up(StackMemo::bytes_for(most_frames()), kPageSize);
}
std::size_t state_bytes() noexcept {
  return kOwnBytes + (keeps_free_stacks() ? 2 : 1) * memo_bytes();
}

void initialize_memo(ThreadState& t, StackBounds bounds) noexcept {
  t.memo.initialize(t.small_memo, reinterpret_cast<char*>(&t) + kOwnBytes, most_frames(), bounds);
}

ThreadState* state_at(std::uint32_t index) noexcept {
  return reinterpret_cast<ThreadState*>(table_start + index * state_bytes());
}

// Under the lock.
void keep_warm(ThreadState* t) noexcept {
  t->next_free = free_list;
  free_list = t;
  ++warm;
}

ThreadState* take_cold() noexcept {
  const std::uint32_t words = (made.load(std::memory_order_relaxed) + 63) / 64;
  for (; first_cold < words; ++first_cold) {
    std::uint64_t& word = cold[first_cold];
    if (word == 0) continue;
    const auto bit = static_cast<std::uint32_t>(__builtin_ctzll(word));
    word &= word - 1;
    return state_at(first_cold * 64 + bit);
  }
  return nullptr;
}

void give_back(ThreadState* t) noexcept {
  const auto start = reinterpret_cast<std::uint64_t>(t);
  if (sys::call(SYS_madvise, static_cast<long>(start), static_cast<long>(state_bytes()), MADV_DONTNEED) !=
      0) {
    const SpinGuard guard(lock, false);
    return keep_warm(t);
  }
  const auto index = static_cast<std::uint32_t>((start - table_start) / state_bytes());
  const SpinGuard guard(lock, false);
  cold[index / 64] |= std::uint64_t{1} << index % 64;
  if (index / 64 < first_cold) first_cold = index / 64;
}

ThreadState* take_state() noexcept {
  const SpinGuard guard(lock, false);
  if (free_list != nullptr) {
    ThreadState* t = free_list;
    free_list = t->next_free;
    --warm;
    return t;
  }
  if (ThreadState* t = take_cold()) return t;
  const std::uint32_t index = made.load(std::memory_order_relaxed);
  if (index == kMostThreads) return nullptr;
  if (table_start == 0) table_start = table_zone.claim(kMostThreads * state_bytes());
  if (!map_claimed(table_start + index * state_bytes(), state_bytes())) return nullptr;
  made.store(index + 1, std::memory_order_release);
  return state_at(index);
}

// The main thread's stack ends where the kernel put the arguments, and the kernel keeps the room below free
// for it. Another thread's is learnt page by page as it is walked (StackMemo::may_read):
// pthread_getattr_np would tell, but it allocates under the thread's lock, and a program that calls it is
// where a thread's first allocation may come from (Java's threads do, and waited for themselves).
StackBounds bounds_of_this_thread() noexcept {
  const auto here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
  const auto main_end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
  constexpr std::uint64_t kMainRoom = std::uint64_t{8} << 20;
  if (here < main_end && main_end - here < kMainRoom) return {main_end - kMainRoom, main_end};
  return {};
}

void end_state() noexcept {
  ThreadState* t = this_thread;
  this_thread = nullptr;
  over = true;
  if (t == nullptr) return;
  if (at_thread_end != nullptr) at_thread_end(*t);
  keep_thread_name(t->number);
  add_to_totals(t->counts);
  {
    const SpinGuard guard(lock, false);
    t->in_use = false;
    if (warm < kMostWarm) return keep_warm(t);
  }
  give_back(t);
}

// A key's destructor may run up to PTHREAD_DESTRUCTOR_ITERATIONS times; the program's own allocate and free
// in all of them, so the state goes in the last: the last but one, because a thread whose first allocation is
// in a destructor gets one round less.
void on_thread_exit(void*) noexcept {
  if (++destructor_rounds < PTHREAD_DESTRUCTOR_ITERATIONS - 1) {
    pthread_setspecific(exit_key, &exit_key);
    return;
  }
  end_state();
  end_thread_cache();
}

}  // namespace

__attribute__((noinline, cold)) ThreadState* make_thread_state() noexcept {
  if (this_thread != nullptr || over) return this_thread;
  const auto stack_top = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  ThreadState* t = take_state();
  if (t == nullptr) return nullptr;
  t->counts = {};
  t->clear = {};
  t->tags.current = first_tag;
  t->tags.depth = 0;
  t->guard.calls_left = 1;
  t->guard.held = 0;
  t->guard.held_bytes = t->guard.calls = 0;
  {
    const SpinGuard guard(lock, false);
    t->number = number_thread();
  }
  t->busy = t->own_work = true;
  t->stack_top = stack_top;
  t->signal_stack = t->signal_stack_end = 0;
  t->in_use = true;
  this_thread = t;  // from here on an allocation of the calls below finds a state that is busy
  initialize_memo(*t, bounds_of_this_thread());
  if (keeps_free_stacks()) {
    char* const large = reinterpret_cast<char*>(t) + kOwnBytes + memo_bytes();
    t->free_memo.initialize(t->small_free_memo, large, most_frames(), bounds_of_this_thread());
  }
  watch_this_thread();
  t->busy = t->own_work = false;
  return t;
}

LateMemo::LateMemo() noexcept {
  if (!late_lock.try_lock()) return;
  if (late_state == nullptr) late_state = take_state();
  if (late_state == nullptr) {
    late_lock.unlock();
    return;
  }
  memo_ = &late_state->memo;
  initialize_memo(*late_state, {});
}

LateMemo::~LateMemo() {
  if (memo_ != nullptr) late_lock.unlock();
}

std::uint32_t thread_state_count() noexcept {
  return made.load(std::memory_order_acquire);
}
ThreadState& thread_state_of(std::uint32_t index) noexcept {
  return *state_at(index);
}
const ThreadState& thread_state(std::uint32_t index) noexcept {
  return *state_at(index);
}

void watch_thread_exits() noexcept {
  exits_watched = pthread_key_create(&exit_key, on_thread_exit) == 0;
  watch_this_thread();
}

void watch_this_thread() noexcept {
  if (exits_watched) pthread_setspecific(exit_key, &exit_key);
}

void tag_by_rules() noexcept {
  first_tag = kTagByRule;
  if (this_thread != nullptr && this_thread->tags.depth == 0) this_thread->tags.current = first_tag;
}

void forget_other_threads() noexcept {
  late_lock.unlock();
  if (this_thread != nullptr) note_thread_id(this_thread->number);
  for (std::uint32_t i = made.load(std::memory_order_relaxed); i-- != 0;) {
    ThreadState* t = state_at(i);
    if (t == this_thread || !t->in_use) continue;
    add_to_totals(t->counts);
    t->in_use = false;
    keep_warm(t);
  }
}

void lock_thread_states() noexcept {
  lock.lock();
}
void unlock_thread_states() noexcept {
  lock.unlock();
}

}  // namespace weir
