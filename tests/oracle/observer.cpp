// The eye in libweir_oracle.so: holds every stack that weir takes against libunwind's answer at that moment.
//
// Runs inside the allocation, on the program's thread, with ThreadState::busy set, so what libunwind
// allocates is not observed. The reference is unw_backtrace. Two things it gets wrong or does not say, so a
// cursor without caches walks there: its trace cache keeps the frames of code that was dlclosed (libunwind's
// flush does not help), and it does not tell which frames a signal interrupted; one stack in kCursorEvery is
// compared by cursor for that alone. Where weir ends at code without unwind tables libunwind would guess by
// frame pointers: it is stopped there, and the stack is counted as such.
//
// Environment: WEIR_ORACLE_LOG (a file; one line is appended at exit, and each of the first differences),
// WEIR_ORACLE_EVERY=n (compare one stack in n), WEIR_ORACLE_BREAK=n (falsify one in n: the test of the test).
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>

#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/sys.hpp"
#include "shim/track/stack_observer.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/rule_cache.hpp"
#include "shim/unwind/stack_depot.hpp"
#include "tests/oracle/reference.hpp"

namespace weir {
namespace {

constexpr unsigned kMostOwn = 8;  // our own frames inside the site, at most
constexpr unsigned kMostFrames = 1024;
constexpr unsigned kRoom = kMostFrames + kMostOwn + 1;
constexpr std::uint64_t kCursorEvery = 509;
constexpr std::uint64_t kMostReports = 5;
constexpr unsigned kMostRanges = 64;

constinit bool ready = false;
constinit char log_path[512] = {};
constinit std::uint64_t every = 1;
constinit std::uint64_t break_every = 0;

constinit std::atomic<std::uint64_t> seen{0};
constinit std::atomic<std::uint64_t> compared{0};
constinit std::atomic<std::uint64_t> different{0};
constinit std::atomic<std::uint64_t> ended_unknown{0};
constinit std::atomic<std::uint64_t> not_kept{0};
constinit std::atomic<std::uint64_t> faults{0};  // of libunwind

// The two answers, not on the program's stack, which may be a few kilobytes.
struct Scratch {
  FrameToken ours[kMostFrames];
  void* theirs[kRoom];
  bool theirs_exact[kRoom];
  char text[96 * 1024];
  Scratch* next;
};

constinit SpinLock pool_lock;
constinit Scratch* pool = nullptr;

Scratch* take_scratch() noexcept {
  {
    const SpinGuard guard(pool_lock, false);
    if (Scratch* s = pool) {
      pool = s->next;
      return s;
    }
  }
  void* p = mmap(nullptr, sizeof(Scratch), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<Scratch*>(p);
}

void give_back(Scratch* s) noexcept {
  const SpinGuard guard(pool_lock, false);
  s->next = pool;
  pool = s;
}

// A fork waits until nobody is comparing: libunwind's locks would stay locked in the child.
constinit std::atomic<int> observers{0};
constinit std::atomic<bool> forking{false};

void enter() noexcept {
  for (;;) {
    observers.fetch_add(1);
    if (!forking.load()) return;
    observers.fetch_sub(1);
    while (forking.load()) sys::call(SYS_sched_yield);
  }
}
void leave() noexcept {
  observers.fetch_sub(1);
}
void before_fork() noexcept {
  while (forking.exchange(true)) sys::call(SYS_sched_yield);
  while (observers.load() != 0) sys::call(SYS_sched_yield);
}
void after_fork_in_parent() noexcept {
  forking.store(false);
}
void after_fork_in_child() noexcept {
  for (auto* counter : {&seen, &compared, &different, &ended_unknown, &not_kept, &faults}) counter->store(0);
  forking.store(false);
}

// Address ranges whose code was replaced, or may be: those of modules that are not loaded now. A file that
// was loaded again at the same place is no such module: what libunwind remembers of it holds.
struct Ranges {
  std::uint64_t start[kMostRanges], end[kMostRanges];
  unsigned count;
};

Ranges unloaded_ranges() noexcept {
  Ranges r;
  r.count = 0;
  for (unsigned i = 1; i < modules.count() && r.count < kMostRanges; ++i) {
    if (!modules[i].unloaded) continue;
    r.start[r.count] = modules[i].start;
    r.end[r.count++] = modules[i].end;
  }
  return r;
}

bool inside(const Ranges& r, std::uint64_t address) noexcept {
  for (unsigned i = 0; i < r.count; ++i) {
    if (address >= r.start[i] && address <= r.end[i]) return true;
  }
  return false;
}

FrameState state_of(FrameToken token) noexcept {
  return {token & kFrameAddressMask, 0, 0, (token & kFrameExactBit) != 0};
}
RuleKind kind_of(FrameToken token) noexcept {
  return rule_cache.rule_at(state_of(token), false).kind();
}

// Where an address lies, as the loader says it.
const char* file_of(std::uint64_t address, std::uint64_t* offset) noexcept {
  dl_find_object found;
  *offset = address;
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return "?";
  *offset = address - found.dlfo_link_map->l_addr;
  const char* name = found.dlfo_link_map->l_name;
  return name[0] != '\0' ? name : "(program)";
}

class Text {
 public:
  Text(char* to, std::size_t room) noexcept : to_(to), room_(room) {}
  __attribute__((format(printf, 2, 3))) void add(const char* format, ...) noexcept {
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(to_ + used_, room_ - used_, format, arguments);
    va_end(arguments);
    if (n > 0) used_ += static_cast<std::size_t>(n);
    if (used_ >= room_) used_ = room_ - 1;
  }
  void append_to_log() const noexcept {
    if (log_path[0] == '\0') return;
    const int fd = sys::open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return;
    sys::write_all(fd, to_, used_);
    sys::close(fd);
  }

 private:
  char* to_;
  std::size_t room_;
  std::size_t used_ = 0;
};

struct Comparison {
  Scratch* s;
  CallSite site;
  StackId id;
  const void* observed_at;  // in the shim
  unsigned ours;            // frames of weir's
  bool cut;                 // weir says that the stack goes on
  bool unknown;             // weir ended at code without tables
  unsigned own = 0;         // libunwind's frames before the site
  unsigned theirs = 0;      // libunwind's frames, from the site on
  bool by_cursor = false;
  bool faulted = false;  // libunwind read outside of memory behind the last of theirs
};

void report(const Comparison& c, const char* what, unsigned at) noexcept {
  const std::uint64_t before = different.fetch_add(1);
  if (before >= kMostReports) return;
  Text t(c.s->text, sizeof c.s->text);
  t.add("difference: pid %d, stack %u, frame %u: %s\n", sys::getpid(), c.id, at, what);
  t.add("  site ip %#lx sp %#lx bp %#lx; weir %u frames%s%s, libunwind (%s) %u\n", c.site.ip, c.site.sp,
        c.site.bp, c.ours, c.cut ? ", cut" : "", c.unknown ? ", ends in unknown code" : "",
        c.by_cursor ? "cursor" : "unw_backtrace", c.theirs);
  const unsigned rows = c.ours > c.theirs ? c.ours : c.theirs;
  const unsigned first = at > 40 ? at - 40 : 0;
  for (unsigned i = first; i < rows && i < at + 20; ++i) {
    t.add("  %4u", i);
    if (i < c.ours) {
      const FrameToken token = c.s->ours[i];
      std::uint64_t offset;
      const char* file = file_of(state_of(token).lookup_address(), &offset);
      const FrameRule rule = rule_cache.rule_at(state_of(token), false);
      t.add("  weir %#lx%s %s+%#lx module %lu rule kind %u cfa %s%+ld bp %s%+ld", state_of(token).ip,
            state_of(token).exact ? " exact" : "", file, offset, token >> kFrameModuleShift,
            static_cast<unsigned>(rule.kind()), rule.cfa_from_bp() ? "BP" : "SP", rule.cfa_offset(),
            rule.saves_bp() ? "at " : "-", rule.bp_slot());
    }
    if (i < c.theirs) {
      std::uint64_t offset;
      const auto ip = reinterpret_cast<std::uint64_t>(c.s->theirs[c.own + i]);
      const char* file = file_of(ip, &offset);
      t.add("  libunwind %#lx %s+%#lx", ip, file, offset);
    }
    t.add("\n");
  }
  t.append_to_log();
}

// How many frames lie inside the site, by the place in the shim that observes; asked once a place. Inlined,
// since its own frame would count.
__attribute__((always_inline)) inline unsigned own_frames(const Comparison& c) noexcept {
  constexpr unsigned kPlaces = 256;
  static constinit std::atomic<std::uint64_t> known[kPlaces] =
      {};  // the place and, in the low bits, how many
  const auto place = reinterpret_cast<std::uint64_t>(c.observed_at) << 4;
  std::atomic<std::uint64_t>& entry = known[(place * 0x9e3779b97f4a7c15u) >> 56];
  const std::uint64_t value = entry.load(std::memory_order_relaxed);
  if (value - place < kMostOwn) return static_cast<unsigned>(value - place);
  bool faulted;
  const unsigned got = reference::walk_by_cursor(c.s->theirs, c.s->theirs_exact, kMostOwn, faulted);
  for (unsigned own = 1; own < got; ++own) {
    if (reinterpret_cast<std::uint64_t>(c.s->theirs[own]) != c.site.ip) continue;
    entry.store(place + own, std::memory_order_relaxed);
    return own;
  }
  return 0;
}

// Fills theirs, and no further than it must: a step beyond, libunwind might have to guess, or use what it
// remembers of code that is gone. False when the site is not where it should be.
__attribute__((noinline)) bool ask_libunwind(Comparison& c, unsigned frames) noexcept {
  c.own = own_frames(c);
  const unsigned most = c.own + (c.unknown ? c.ours : frames);
  unsigned got = c.by_cursor ? 0 : reference::backtrace(c.s->theirs, most);
  if (got == 0) {
    c.by_cursor = true;
    got = reference::walk_by_cursor(c.s->theirs, c.s->theirs_exact, most, c.faulted);
  }
  // Between two instructions of a stack switch the tables name a slot that holds no code; libunwind takes
  // what it finds there for a frame and guesses on.
  for (c.theirs = 0; c.own + c.theirs < got; ++c.theirs) {
    if (!may_be_code(reinterpret_cast<std::uint64_t>(c.s->theirs[c.own + c.theirs]))) break;
  }
  return c.own != 0 && c.theirs != 0 && reinterpret_cast<std::uint64_t>(c.s->theirs[c.own]) == c.site.ip;
}

// The kernel's way back from a handler: mov $15, %rax; syscall.
bool is_trampoline(const void* ip) noexcept {
  return memcmp(ip, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9) == 0;
}

bool has_its_module(FrameToken token) noexcept {
  const unsigned number = static_cast<unsigned>(token >> kFrameModuleShift);
  const std::uint64_t address = state_of(token).lookup_address();
  if (number == 0) return kind_of(token) == RuleKind::kUnknown;
  const Module& m = modules[number];
  return number < modules.count() && !m.unloaded && address >= m.start && address < m.end;
}

struct Difference {
  const char* what = nullptr;
  unsigned at = 0;
};

Difference difference_of(const Comparison& c, unsigned limit) noexcept {
  const unsigned shown = c.theirs < limit ? c.theirs : limit;
  for (unsigned i = 0; i < c.ours && i < shown; ++i) {
    const FrameState frame = state_of(c.s->ours[i]);
    const void* theirs = c.s->theirs[c.own + i];
    if (frame.ip != reinterpret_cast<std::uint64_t>(theirs)) return {"another address", i};
    if (c.by_cursor ? c.s->theirs_exact[c.own + i] != frame.exact
                    : frame.exact && !is_trampoline(c.s->theirs[c.own + i - 1])) {
      return {"exact or not", i};
    }
    if (!has_its_module(c.s->ours[i])) return {"a module that is not there", i};
  }
  if (c.ours < shown && !c.unknown) return {"weir ends before libunwind", c.ours};
  if (c.faulted) return {};  // what weir has behind that, nobody knows
  if (c.ours > shown) return {"libunwind ends before weir", shown};
  if (!c.unknown && c.cut != (c.theirs > limit)) return {"cut or whole", c.ours};
  return {};
}

// unw_backtrace learns a frame's rule by stepping a cursor that has the frame's IP, SP and BP and any other
// registers: frames that need those end its walk too early, from then on wherever they occur.
bool needs_more_registers(const Comparison& c) noexcept {
  for (unsigned i = 0; i < c.ours; ++i) {
    if (kind_of(c.s->ours[i]) == RuleKind::kComplex) return true;
  }
  return false;
}

// A context made by makecontext was interrupted on its way in: the address on its new stack is where its
// function begins. Nobody called, and BP is still another stack's. Weir ends there if the frame would lie
// further in; libunwind goes wherever BP leads.
bool ends_before_the_first_call(const Comparison& c) noexcept {
  const FrameState last = state_of(c.s->ours[c.ours - 1]);
  return !last.exact && reference::begins_function(last.ip);
}

void compare(Scratch* s, const CallSite& site, StackId id, const void* observed_at,
             std::uint64_t number) noexcept {
  const auto limit = static_cast<unsigned>(options.malloc_context_size);
  Comparison c{s, site, id, observed_at, 0, false, false};
  c.ours = stack_depot.read(id, s->ours, limit, &c.cut);
  c.unknown = c.ours != 0 && !c.cut && kind_of(s->ours[c.ours - 1]) == RuleKind::kUnknown;
  c.by_cursor = number % kCursorEvery == 0;
  if (break_every != 0 && number % break_every == 0 && c.ours != 0) s->ours[c.ours / 2] += 16;

  // First by our own frames: with what it remembers, libunwind might walk into what is no stack.
  const Ranges replaced = unloaded_ranges();
  for (unsigned i = 0; replaced.count != 0 && i < c.ours; ++i)
    c.by_cursor |= inside(replaced, state_of(s->ours[i]).ip);
  bool found = ask_libunwind(c, limit + 1);
  for (unsigned i = 0; replaced.count != 0 && !c.by_cursor && i < c.theirs; ++i) {
    if (!inside(replaced, reinterpret_cast<std::uint64_t>(s->theirs[c.own + i]))) continue;
    c.by_cursor = true;
    found = ask_libunwind(c, limit + 1);
  }
  compared.fetch_add(1, std::memory_order_relaxed);
  if (c.unknown) ended_unknown.fetch_add(1, std::memory_order_relaxed);
  Difference d = found ? difference_of(c, limit) : Difference{"libunwind does not pass the site", 0};
  if (d.what != nullptr && !c.by_cursor && needs_more_registers(c)) {
    c.by_cursor = true;
    d = ask_libunwind(c, limit + 1) ? difference_of(c, limit) : d;
  }
  if (d.what != nullptr && c.ours != 0 && d.at == c.ours && d.at < c.theirs && ends_before_the_first_call(c))
    d = {};
  if (d.what == nullptr && c.unknown &&
      reference::has_tables(state_of(s->ours[c.ours - 1]).lookup_address())) {
    d = {"weir sees no tables where libunwind does", c.ours - 1};
  }
  if (c.faulted) faults.fetch_add(1, std::memory_order_relaxed);
  if (d.what != nullptr) report(c, d.what, d.at);
}

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) noexcept {
  const char* text = getenv(variable);
  return text != nullptr && *text != '\0' ? strtoull(text, nullptr, 10) : otherwise;
}

// After the shim's own constructor, so that this prepare runs before its locks are taken for a fork: an
// observer may need them to get done.
__attribute__((constructor)) void construct() noexcept {
  if (const char* path = getenv("WEIR_ORACLE_LOG")) strncpy(log_path, path, sizeof log_path - 1);
  every = number_in("WEIR_ORACLE_EVERY", 1);
  break_every = number_in("WEIR_ORACLE_BREAK", 0);
  if (every == 0 || !reference::load()) return;
  ready = true;
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

__attribute__((destructor)) void say_result() noexcept {
  char line[256];
  Text t(line, sizeof line);
  t.add("oracle: pid %d: %lu stacks compared, %lu different, %lu ended in code without unwind tables\n",
        sys::getpid(), +compared, +different, +ended_unknown);
  t.add("oracle: pid %d: %lu not kept, %lu faults of libunwind\n", sys::getpid(), +not_kept, +faults);
  t.append_to_log();
}

}  // namespace

void observe_stack(const CallSite& site, StackId stack) {
  if (!ready) return;
  const std::uint64_t number = seen.fetch_add(1, std::memory_order_relaxed) + 1;
  if (every != 1 && number % every != 0) return;
  if (stack == kOverflowStack) {
    not_kept.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const int saved = errno;
  enter();
  if (Scratch* s = take_scratch()) {
    compare(s, site, stack, __builtin_return_address(0), number / every);
    give_back(s);
  }
  leave();
  errno = saved;
}

}  // namespace weir
