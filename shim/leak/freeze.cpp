#include "shim/leak/freeze.hpp"

#include <linux/futex.h>
#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstring>
#include <string_view>

#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"

namespace weir {
namespace {

constexpr std::uint32_t kMostFrozen = 65536;

// Answers and releases are futex words; a release is a new value of `round`.
constinit std::atomic<std::uint32_t> acknowledged{0};
constinit std::atomic<std::uint32_t> round{0};  // odd while threads are to stand still
constinit std::atomic<FrozenThread*> table{nullptr};
constinit std::atomic<std::uint32_t> slots_used{0};
constinit std::atomic<std::uint32_t> standing{0};
constinit std::atomic<pid_t> owner{0};

int freeze_signal() noexcept {
  return options.report_signal == 62 ? 61 : 62;
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const struct timespec* time) noexcept {
  return sys::call(SYS_futex, sys::as_word(&word), operation | FUTEX_PRIVATE_FLAG, value, sys::as_word(time));
}

FrozenThread* find(pid_t tid) noexcept {
  FrozenThread* t = table.load(std::memory_order_acquire);
  for (std::uint32_t i = slots_used.load(std::memory_order_acquire); i-- != 0;) {
    if (t[i].tid == tid) return &t[i];
  }
  return nullptr;
}

// Runs in the stopped thread. Touches nothing but its own entry and the futex words.
void stand_still(int, siginfo_t*, void* context) noexcept {
  const std::uint32_t now = round.load(std::memory_order_acquire);
  if ((now & 1) == 0) return;  // arrived late: nobody waits any more
  FrozenThread* me = find(sys::gettid());
  if (me == nullptr) return;
  const auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  std::memcpy(me->registers, machine.gregs, sizeof me->registers);
  me->sp = static_cast<std::uint64_t>(machine.gregs[REG_RSP]);
  me->stack_top = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  standing.fetch_add(1, std::memory_order_acq_rel);
  __atomic_store_n(&me->answered, 1, __ATOMIC_RELEASE);
  acknowledged.fetch_add(1, std::memory_order_release);
  futex(acknowledged, FUTEX_WAKE, 1, nullptr);
  while (round.load(std::memory_order_acquire) == now) futex(round, FUTEX_WAIT, now, nullptr);
  standing.fetch_sub(1, std::memory_order_acq_rel);
}

bool install_handler() noexcept {
  struct sigaction action {};
  action.sa_sigaction = stand_still;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  // Never taken back: a thread that had the signal blocked may get it long after, and its default is death.
  return sigaction(freeze_signal(), &action, nullptr) == 0;
}

// Reads "/proc/self/task/TID/NAME" into a buffer; empty where the thread is gone.
std::string_view read_task_file(pid_t tid, std::string_view name, char* to, std::size_t room) noexcept {
  char path[64] = "/proc/self/task/";
  std::size_t n = 16;
  char digits[12] = {};
  int d = 0;
  for (auto v = static_cast<unsigned>(tid); v != 0; v /= 10) digits[d++] = static_cast<char>('0' + v % 10);
  while (d != 0) path[n++] = digits[--d];
  path[n++] = '/';
  name.copy(path + n, name.size());
  path[n + name.size()] = '\0';
  const int fd = sys::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const long got = sys::read(fd, to, room);
  sys::close(fd);
  return {to, got > 0 ? static_cast<std::size_t>(got) : 0};
}

// A thread that will not answer: it has ended (the main thread stays as a zombie) or blocks the signal.
enum class Hope { kWait, kGone, kBlocked };
Hope hope_for(pid_t tid) noexcept {
  char buffer[2048];
  const std::string_view status = read_task_file(tid, "status", buffer, sizeof buffer);
  if (status.empty()) return Hope::kGone;
  const std::size_t state = status.find("State:\t");
  if (state != std::string_view::npos && (status[state + 7] == 'Z' || status[state + 7] == 'X'))
    return Hope::kGone;
  const std::size_t blocked = status.find("SigBlk:\t");
  if (blocked == std::string_view::npos) return Hope::kWait;
  std::uint64_t mask = 0;
  for (const char c : status.substr(blocked + 8, 16)) {
    mask = mask << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return (mask >> (freeze_signal() - 1) & 1) != 0 ? Hope::kBlocked : Hope::kWait;
}

// Signals every thread that is not in the table yet; the number of new ones.
std::uint32_t signal_new_threads(pid_t self, int directory) noexcept {
  struct Entry {
    std::uint64_t inode, offset;
    unsigned short bytes;
    unsigned char type;
    char name[5];  // and on
  };
  std::uint32_t fresh = 0;
  alignas(8) char buffer[4096] = {};
  sys::call(SYS_lseek, directory, 0, 0);
  for (;;) {
    const long got = sys::call(SYS_getdents64, directory, sys::as_word(buffer), sizeof buffer);
    if (got <= 0) return fresh;
    for (long at = 0; at < got;) {
      const auto* e = reinterpret_cast<const Entry*>(buffer + at);
      at += e->bytes;
      pid_t tid = 0;
      for (const char* c = &e->name[0]; *c >= '0' && *c <= '9'; ++c) tid = tid * 10 + (*c - '0');
      if (tid == 0 || tid == self || find(tid) != nullptr) continue;
      const std::uint32_t index = slots_used.load(std::memory_order_relaxed);
      if (index == kMostFrozen) return fresh;
      FrozenThread& t = table.load(std::memory_order_relaxed)[index];
      t = {};
      t.tid = tid;
      slots_used.store(index + 1, std::memory_order_release);
      if (sys::call(SYS_tgkill, sys::getpid(), tid, freeze_signal()) != 0) t.gone = 1;
      ++fresh;
    }
  }
}

std::uint32_t unanswered() noexcept {
  std::uint32_t n = 0;
  FrozenThread* t = table.load(std::memory_order_relaxed);
  for (std::uint32_t i = slots_used.load(std::memory_order_relaxed); i-- != 0;) {
    n += __atomic_load_n(&t[i].answered, __ATOMIC_ACQUIRE) == 0 && t[i].gone == 0 ? 1 : 0;
  }
  return n;
}

// Waits until all have answered, are known not to, or the time is over. The number of silent ones.
std::uint32_t await_answers(std::uint64_t deadline) noexcept {
  constexpr std::uint64_t kPatience = 2'000'000;
  std::uint64_t ask_at = sys::now_ns() + kPatience;
  std::uint32_t blocked = 0;
  for (;;) {
    const std::uint32_t seen = acknowledged.load(std::memory_order_acquire);
    const std::uint32_t missing = unanswered();
    if (missing <= blocked) return missing;
    const std::uint64_t now = sys::now_ns();
    if (now >= deadline) return missing;
    if (now >= ask_at) {
      blocked = 0;
      FrozenThread* t = table.load(std::memory_order_relaxed);
      for (std::uint32_t i = slots_used.load(std::memory_order_relaxed); i-- != 0;) {
        if (__atomic_load_n(&t[i].answered, __ATOMIC_ACQUIRE) != 0 || t[i].gone != 0) continue;
        const Hope hope = hope_for(t[i].tid);
        if (hope == Hope::kGone) t[i].gone = 1;
        if (hope == Hope::kBlocked) ++blocked;
      }
      ask_at = now + 10 * kPatience;
      continue;
    }
    const struct timespec pause = {0, 1'000'000};
    futex(acknowledged, FUTEX_WAIT, seen, &pause);
  }
}

}  // namespace

bool take_freeze() noexcept {
  pid_t nobody = 0;
  return owner.compare_exchange_strong(nobody, sys::gettid(), std::memory_order_acquire);
}
bool wait_for_freeze() noexcept {
  const pid_t self = sys::gettid();
  for (pid_t other = 0; !owner.compare_exchange_strong(other, self, std::memory_order_acquire); other = 0) {
    if (other == self) return false;
    sys::call(SYS_sched_yield);
  }
  return true;
}
void give_freeze() noexcept {
  owner.store(0, std::memory_order_release);
}
void forget_freeze() noexcept {
  owner.store(0, std::memory_order_relaxed);
  if ((round.load(std::memory_order_relaxed) & 1) != 0) round.fetch_add(1, std::memory_order_relaxed);
  standing.store(0, std::memory_order_relaxed);
}

FrozenThreads freeze_threads(std::uint64_t timeout_ms) noexcept {
  FrozenThreads result{};
  if (table.load(std::memory_order_relaxed) == nullptr) {
    table.store(static_cast<FrozenThread*>(table_zone.map(kMostFrozen * sizeof(FrozenThread))));
  }
  result.threads = table.load(std::memory_order_relaxed);
  const int directory = sys::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || result.threads == nullptr) return result;
  slots_used.store(0, std::memory_order_release);
  acknowledged.store(0, std::memory_order_relaxed);
  round.fetch_add(1, std::memory_order_acq_rel);  // odd
  const pid_t self = sys::gettid();
  const std::uint64_t deadline = sys::now_ns() + timeout_ms * 1'000'000;
  // A thread that was still running may have made another before it answered.
  if (install_handler()) {
    while (signal_new_threads(self, directory) != 0) result.silent = await_answers(deadline);
  }
  sys::close(directory);
  result.count = slots_used.load(std::memory_order_relaxed);
  const FrozenThread* main_thread = find(sys::getpid());
  result.main_thread_gone = main_thread != nullptr && main_thread->gone != 0;
  return result;
}

void release_threads() noexcept {
  if ((round.load(std::memory_order_relaxed) & 1) == 0) return;
  round.fetch_add(1, std::memory_order_acq_rel);
  futex(round, FUTEX_WAKE, 0x7fffffff, nullptr);
  // The next freeze reuses the table: wait until nobody stands in it.
  for (int i = 0; i < 1000 && standing.load(std::memory_order_acquire) != 0; ++i) sys::call(SYS_sched_yield);
}

}  // namespace weir
