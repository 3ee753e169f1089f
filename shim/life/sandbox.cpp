#include "shim/life/sandbox.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/utsname.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"

namespace weir::sandbox {
namespace {

constexpr unsigned kMostFilters = 16;
constexpr unsigned kMostInstructions = 16384;

// Untouched, and so of no cost, in a process that sets no filter.
struct sock_filter instructions[kMostInstructions];
constinit std::atomic<unsigned> instructions_used{0};

struct Kept {
  std::atomic<unsigned> count;  // of instructions; 0 until it counts
  unsigned first;
};
Kept filters[kMostFilters];
constinit std::atomic<unsigned> filters_used{0};
constinit std::atomic<bool> unknown{false};  // one for which there was no room, or strict mode
constinit std::atomic<unsigned long> ptracer{0};

std::uint32_t load(const struct seccomp_data& of, std::uint32_t offset) noexcept {
  std::uint32_t word = 0;
  if (offset <= sizeof of - sizeof word) {
    __builtin_memcpy(&word, reinterpret_cast<const char*>(&of) + offset, sizeof word);
  }
  return word;
}

std::uint32_t compute(unsigned operation, std::uint32_t a, std::uint32_t b) noexcept {
  switch (operation) {
    case BPF_ADD:
      return a + b;
    case BPF_SUB:
      return a - b;
    case BPF_MUL:
      return a * b;
    case BPF_DIV:
      return b != 0 ? a / b : 0;
    case BPF_OR:
      return a | b;
    case BPF_AND:
      return a & b;
    case BPF_XOR:
      return a ^ b;
    case BPF_LSH:
      return b < 32 ? a << b : 0;
    case BPF_RSH:
      return b < 32 ? a >> b : 0;
    default:  // BPF_NEG
      return 0 - a;
  }
}

bool holds(unsigned operation, std::uint32_t a, std::uint32_t b) noexcept {
  switch (operation) {
    case BPF_JEQ:
      return a == b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    default:  // BPF_JSET
      return (a & b) != 0;
  }
}

// The kernel has verified the program: every way ends in a return, jumps go forwards.
std::uint32_t run(const struct sock_filter* program, unsigned count, const struct seccomp_data& of) noexcept {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::uint32_t memory[BPF_MEMWORDS] = {};
  for (unsigned at = 0; at < count; ++at) {
    const struct sock_filter& i = program[at];
    const std::uint32_t operand = BPF_SRC(i.code) == BPF_X ? x : i.k;
    switch (BPF_CLASS(i.code)) {
      case BPF_LD:
      case BPF_LDX: {
        std::uint32_t& to = BPF_CLASS(i.code) == BPF_LD ? a : x;
        const unsigned how = BPF_MODE(i.code);
        to = how == BPF_ABS   ? load(of, i.k)
             : how == BPF_MEM ? memory[i.k % BPF_MEMWORDS]
             : how == BPF_LEN ? static_cast<std::uint32_t>(sizeof of)
                              : i.k;
        break;
      }
      case BPF_ST:
        memory[i.k % BPF_MEMWORDS] = a;
        break;
      case BPF_STX:
        memory[i.k % BPF_MEMWORDS] = x;
        break;
      case BPF_ALU:
        a = compute(BPF_OP(i.code), a, operand);
        break;
      case BPF_JMP:
        at += BPF_OP(i.code) == BPF_JA ? i.k : holds(BPF_OP(i.code), a, operand) ? i.jt : i.jf;
        break;
      case BPF_RET:
        return BPF_RVAL(i.code) == BPF_A ? a : i.k;
      default:  // BPF_MISC
        if (BPF_MISCOP(i.code) == BPF_TAX) {
          x = a;
        } else {
          a = x;
        }
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

bool is_harmless(std::uint32_t answer) noexcept {
  const std::uint32_t action = answer & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG || action == SECCOMP_RET_ERRNO;
}

// A filter from before the program began, or set past libc.
bool has_inherited_filter() noexcept {
  char buffer[4096];
  const int fd = sys::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  const long got = sys::read(fd, buffer, sizeof buffer);
  sys::close(fd);
  const std::string_view text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  constexpr std::string_view kField = "\nSeccomp:\t";
  const std::size_t at = text.find(kField);
  return at != std::string_view::npos && text[at + kField.size()] != '0';
}

// Before Linux 5.16 a task that dumps core takes all with it that share its memory.
bool tasks_die_alone() noexcept {
  struct utsname system {};
  if (sys::call(SYS_uname, sys::as_word(&system)) != 0) return false;
  unsigned numbers[2] = {};
  unsigned n = 0;
  for (const char* c = system.release; n < 2; ++c) {
    if (*c >= '0' && *c <= '9') {
      numbers[n] = numbers[n] * 10 + static_cast<unsigned>(*c - '0');
    } else if (*c != '.' || ++n == 2) {
      break;
    }
  }
  return numbers[0] > 5 || (numbers[0] == 5 && numbers[1] >= 16);
}

constinit std::atomic<bool> refused{false};

bool lets_through(long number, const long (&arguments)[6]) noexcept {
  if (unknown.load(std::memory_order_relaxed)) {
    return number == SYS_read || number == SYS_write || number == SYS_exit || number == SYS_rt_sigreturn;
  }
  struct seccomp_data asked {};
  asked.nr = static_cast<int>(number);
  asked.arch = AUDIT_ARCH_X86_64;
  asked.instruction_pointer = reinterpret_cast<std::uint64_t>(&lets_through);
  for (unsigned i = 0; i < 6; ++i) asked.args[i] = static_cast<std::uint64_t>(arguments[i]);
  const unsigned used = filters_used.load(std::memory_order_acquire);
  for (unsigned i = 0; i < used && i < kMostFilters; ++i) {
    const unsigned count = filters[i].count.load(std::memory_order_acquire);
    if (count != 0 && !is_harmless(run(instructions + filters[i].first, count, asked))) return false;
  }
  return true;
}

bool kills_for(long number, const long (&arguments)[6]) noexcept {
  if (lets_through(number, arguments)) return false;
  refused.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace

Filter::Filter(const struct sock_fprog* program) noexcept {
  const auto readable = [](const void* p) { return is_readable(reinterpret_cast<std::uint64_t>(p)); };
  if (!readable(program) || program->len == 0 || program->len > kMostInstructions) return;
  if (!readable(program->filter) || !readable(program->filter + program->len - 1))
    return;  // the kernel will say so
  const unsigned first = instructions_used.fetch_add(program->len);
  if (first + program->len > kMostInstructions) return;
  for (unsigned i = 0; i < program->len; ++i) instructions[first + i] = program->filter[i];
  first_ = first;
  count_ = program->len;
}

void Filter::keep() const noexcept {
  const unsigned index = count_ != 0 ? filters_used.fetch_add(1) : kMostFilters;
  if (index >= kMostFilters) return note_strict();
  filters[index].first = first_;
  filters[index].count.store(count_, std::memory_order_release);
  sys::is_deadly = kills_for;
}

void note_strict() noexcept {
  unknown.store(true, std::memory_order_relaxed);
  sys::is_deadly = kills_for;
}

bool has_filter() noexcept {
  return unknown.load(std::memory_order_relaxed) || filters_used.load(std::memory_order_relaxed) != 0;
}

bool was_in_the_way() noexcept {
  return refused.load(std::memory_order_relaxed);
}

bool allows_ptrace() noexcept {
  // A stopped call may be begun again under another number, restart_syscall.
  if (has_filter()) return false;
  return !has_inherited_filter() || tasks_die_alone();
}

unsigned long ptracer_of_program() noexcept {
  return ptracer.load(std::memory_order_relaxed);
}
void note_ptracer(unsigned long who) noexcept {
  ptracer.store(who, std::memory_order_relaxed);
}

}  // namespace weir::sandbox
