#include "shim/leak/freeze.hpp"

#include <signal.h>

#include <atomic>
#include <cstring>
#include <string_view>

#include "core/pages.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/freeze_table.hpp"

extern "C" char __libc_single_threaded;  // false when there was ever a second thread

namespace weir {

constinit FreezeTable freeze_table;
constinit FreezeWork freeze_work{};

namespace {

constexpr std::uint32_t kMostFrozen = 65536;

constinit std::atomic<pid_t> owner{0};
constinit std::atomic<bool> report_wanted{false};

enum class Frozen : std::uint8_t { kNot, kAlone, kByTracer, kBySignal };
constinit Frozen frozen = Frozen::kNot;
constinit std::uint64_t mask_before = 0;

// All but those that an instruction of the thread itself brings: blocked, they would end the process.
constexpr std::uint64_t bit(int number) noexcept {
  return std::uint64_t{1} << (number - 1);
}
constexpr std::uint64_t kHeldBack =
    ~(bit(SIGSEGV) | bit(SIGBUS) | bit(SIGILL) | bit(SIGFPE) | bit(SIGTRAP) | bit(SIGSYS));

// How many threads the process has now, this one included; 0 where /proc does not tell.
std::uint32_t count_threads(int directory) noexcept {
  struct stat facts {};
  constexpr std::uint32_t kOthers = 2;  // links of a directory that are no folders in it
  if (sys::call(SYS_fstat, directory, sys::as_word(&facts)) != 0 || facts.st_nlink < kOthers) return 0;
  return static_cast<std::uint32_t>(facts.st_nlink) - kOthers;
}

// Room for some more threads than there are: those that run may make others.
bool make_room(std::uint32_t threads) noexcept {
  FreezeTable& t = freeze_table;
  t.used.store(0, std::memory_order_release);
  std::uint32_t wanted = 2 * threads + 64;
  if (wanted > kMostFrozen) wanted = kMostFrozen;
  if (t.room >= wanted) return true;
  FrozenThread* old = t.threads.load(std::memory_order_relaxed);
  auto* fresh = static_cast<FrozenThread*>(table_zone.map(wanted * sizeof(FrozenThread)));
  if (fresh == nullptr) return old != nullptr;
  if (t.vectors != nullptr) unmap_pages(t.vectors, t.room * kVectorBytes);
  t.vectors = static_cast<std::uint64_t*>(table_zone.map(wanted * kVectorBytes));
  t.threads.store(fresh, std::memory_order_release);
  if (old != nullptr) unmap_pages(old, t.room * sizeof(FrozenThread));
  t.room = wanted;
  return true;
}

// Whether a directory of /proc is the process's own: some that stand in for the system show another's.
bool lists_itself(const FreezeWork& work) noexcept {
  return !read_task_status(work.directory, work.self).is_gone();
}

void freeze_all(const FreezeWork& work, std::uint32_t threads) noexcept {
  if (threads == 1) {
    frozen = Frozen::kAlone;
  } else if (freeze_by_tracer(work)) {
    frozen = Frozen::kByTracer;
  } else {
    freeze_table.used.store(0, std::memory_order_release);
    freeze_by_signal(work);
    frozen = Frozen::kBySignal;
  }
}

std::uint32_t count_silent() noexcept {
  std::uint32_t n = 0;
  for (const FrozenThread& t : freeze_table) n += t.answered == 0 && t.gone == 0 ? 1 : 0;
  return n;
}

}  // namespace

FrozenThread* FreezeTable::find(pid_t tid) noexcept {
  static constinit std::atomic<std::uint32_t> last{0};
  FrozenThread* t = begin();
  const std::uint32_t count = used.load(std::memory_order_acquire);
  const std::uint32_t guess = last.load(std::memory_order_relaxed) + 1;
  if (guess < count && t[guess].tid == tid) {
    last.store(guess, std::memory_order_relaxed);
    return &t[guess];
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (t[i].tid != tid) continue;
    last.store(i, std::memory_order_relaxed);
    return &t[i];
  }
  return nullptr;
}

FrozenThread* FreezeTable::add(pid_t tid) noexcept {
  const std::uint32_t index = used.load(std::memory_order_relaxed);
  if (index == room) return nullptr;
  FrozenThread& t = begin()[index];
  t = {};
  t.tid = tid;
  used.store(index + 1, std::memory_order_release);
  return &t;
}

std::uint32_t add_new_threads(const FreezeWork& work, VisitThread* visit, void* of) noexcept {
  struct Entry {
    std::uint64_t inode, offset;
    unsigned short bytes;
    unsigned char type;
    char name[5];  // and on
  };
  std::uint32_t fresh = 0;
  alignas(8) char buffer[4096] = {};
  sys::call(SYS_lseek, work.directory, 0, 0);
  for (;;) {
    const long got = sys::call(SYS_getdents64, work.directory, sys::as_word(buffer), sizeof buffer);
    if (got <= 0) return fresh;
    for (long at = 0; at < got;) {
      const auto* e = reinterpret_cast<const Entry*>(buffer + at);
      at += e->bytes;
      pid_t tid = 0;
      for (const char* c = &e->name[0]; *c >= '0' && *c <= '9'; ++c) tid = tid * 10 + (*c - '0');
      if (tid == 0 || tid == work.self || freeze_table.find(tid) != nullptr) continue;
      FrozenThread* t = freeze_table.add(tid);
      if (t == nullptr) return fresh;
      visit(of, *t);
      ++fresh;
    }
  }
}

std::string_view read_task_file(int directory, pid_t tid, std::string_view name, char* to,
                                std::size_t room) noexcept {
  char path[32];
  std::size_t n = 0;
  char digits[12] = {};
  int d = 0;
  for (auto v = static_cast<unsigned>(tid); v != 0; v /= 10) digits[d++] = static_cast<char>('0' + v % 10);
  while (d != 0) path[n++] = digits[--d];
  path[n++] = '/';
  name.copy(path + n, name.size());
  path[n + name.size()] = '\0';
  const auto fd =
      static_cast<int>(sys::call(SYS_openat, directory, sys::as_word(path), O_RDONLY | O_CLOEXEC));
  if (fd < 0) return {};
  const long got = sys::read(fd, to, room);
  sys::close(fd);
  return {to, got > 0 ? static_cast<std::size_t>(got) : 0};
}

TaskStatus read_task_status(int directory, pid_t tid) noexcept {
  char buffer[4096];
  const std::string_view text = read_task_file(directory, tid, "status", buffer, sizeof buffer);
  const auto mask = [&](std::string_view field) {
    const std::size_t at = text.find(field);
    std::uint64_t bits = 0;
    if (at == std::string_view::npos) return bits;
    for (const char c : text.substr(at + field.size(), 16)) {
      bits = bits << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return bits;
  };
  const std::size_t state = text.find("State:\t");
  if (state == std::string_view::npos) return {};
  return {text[state + 7], mask("SigBlk:\t"), mask("SigPnd:\t")};
}

bool take_freeze() noexcept {
  pid_t nobody = 0;
  return owner.compare_exchange_strong(nobody, sys::gettid());
}
bool wait_for_freeze() noexcept {
  const pid_t self = sys::gettid();
  for (pid_t other = 0; !owner.compare_exchange_strong(other, self); other = 0) {
    if (other == self) return false;
    sys::call(SYS_sched_yield);
  }
  return true;
}
bool take_freeze_or_ask_later() noexcept {
  report_wanted.store(true);  // before the attempt: whoever has it sees this when it is given back
  if (!take_freeze()) return false;
  report_wanted.store(false);
  return true;
}
bool report_is_asked_for() noexcept {
  if (options.report_signal == 0) return false;
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, sys::as_word(&pending), 8);
  return report_wanted.load() || (pending >> (options.report_signal - 1) & 1) != 0;
}
void give_freeze() noexcept {
  owner.store(0);
  if (report_wanted.exchange(false)) {
    sys::call(SYS_kill, sys::getpid(), static_cast<long>(options.report_signal));
  }
}
void forget_freeze() noexcept {
  report_wanted.store(false);
  owner.store(0);
  frozen = Frozen::kNot;
  forget_tracer();
  forget_freeze_signal();
}

FrozenThreads freeze_threads(std::uint64_t timeout_ms, FreezeEnd end) noexcept {
  FrozenThreads result{};
  sys::call(SYS_rt_sigprocmask, SIG_BLOCK, sys::as_word(&kHeldBack), sys::as_word(&mask_before), 8);
  freeze_work = {sys::getpid(),
                 sys::gettid(),
                 sys::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                 sys::now_ns() + timeout_ms * 1'000'000,
                 end,
                 libc_code()};
  const FreezeWork& work = freeze_work;
  const std::uint32_t threads = work.directory >= 0 ? count_threads(work.directory) : 0;
  frozen = Frozen::kAlone;
  if (threads != 0 && lists_itself(work) && make_room(threads)) {
    freeze_all(work, threads);
    result.threads = freeze_table.begin();
    result.count = freeze_table.used.load(std::memory_order_relaxed);
    result.silent = count_silent();
    const FrozenThread* main_thread = freeze_table.find(work.process);
    result.main_thread_gone = main_thread != nullptr && main_thread->gone != 0;
  } else {
    result.silent = __libc_single_threaded != 0 ? 0 : 1;  // others may run, and nobody knows which
  }
  if (work.directory >= 0) sys::close(work.directory);
  return result;
}

void release_threads() noexcept {
  if (frozen == Frozen::kNot) return;
  if (frozen == Frozen::kByTracer) release_by_tracer(freeze_work.end);
  if (frozen == Frozen::kBySignal) release_by_signal();
  frozen = Frozen::kNot;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&mask_before), 0, 8);
}

void name_silent_threads(const FrozenThreads& threads) noexcept {
  constexpr unsigned kMostNamed = 16;
  static pid_t named[kMostNamed];
  static unsigned count = 0;
  for (std::uint32_t i = 0; threads.silent != 0 && i < threads.count; ++i) {
    const FrozenThread& t = threads.threads[i];
    if (t.answered != 0 || t.gone != 0) continue;
    bool known = count == kMostNamed;
    for (unsigned n = 0; n < count && !known; ++n) known = named[n] == t.tid;
    if (known) continue;
    named[count++] = t.tid;
    const int directory = sys::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char buffer[64];
    std::string_view name = read_task_file(directory, t.tid, "comm", buffer, sizeof buffer);
    if (directory >= 0) sys::close(directory);
    if (name.ends_with('\n')) name.remove_suffix(1);
    Line line;
    line.text("weir: thread ").number(static_cast<std::uint64_t>(t.tid));
    if (!name.empty()) line.text(" (").text(name).text(")");
    line.text(t.asked != 0 ? " did not stand still in time"
                           : " cannot be stopped: no ptrace, and no signal that it takes");
    line.text("; all of its stack counts as in use").say();
  }
}

}  // namespace weir
