#include "shim/unwind/libunwind.hpp"

#include <dlfcn.h>
#include <libunwind.h>
#include <sys/stat.h>

#include <iterator>

#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/libc.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/registered_frames.hpp"
#include "shim/unwind/rule_cache.hpp"

namespace weir {
namespace {

// libunwind's names in its shared object, for remote unwinding of x86-64.
struct Functions {
  unw_addr_space_t (*create_addr_space)(unw_accessors_t*, int);
  int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
  int (*init_remote)(unw_cursor_t*, unw_addr_space_t, void*);
  int (*step)(unw_cursor_t*);
  int (*get_reg)(unw_cursor_t*, int, unw_word_t*);
  int (*is_signal_frame)(unw_cursor_t*);
  int (*search_unwind_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t*, unw_proc_info_t*, int, void*);
};

Functions unw;
unw_addr_space_t address_space = nullptr;

// Where the walk begins: a place in our own code. The caller-saved registers are nobody's there.
struct Registers {
  std::uint64_t value[UNW_X86_64_RIP + 1];
};

// Of the function that calls.
__attribute__((always_inline)) inline void take_registers(Registers& here) noexcept {
  std::uint64_t* r = here.value;
  asm volatile(
      "mov %%rbx, %c1(%0); mov %%rbp, %c2(%0); mov %%rsp, %c3(%0); mov %%r12, %c4(%0);"
      "mov %%r13, %c5(%0); mov %%r14, %c6(%0); mov %%r15, %c7(%0); lea 0(%%rip), %%rax; mov %%rax, %c8(%0)"
      :
      : "r"(r), "i"(8 * UNW_X86_64_RBX), "i"(8 * UNW_X86_64_RBP), "i"(8 * UNW_X86_64_RSP),
        "i"(8 * UNW_X86_64_R12), "i"(8 * UNW_X86_64_R13), "i"(8 * UNW_X86_64_R14), "i"(8 * UNW_X86_64_R15),
        "i"(8 * UNW_X86_64_RIP)
      : "rax", "memory");
}

// .eh_frame_hdr: four bytes of encodings, the address of .eh_frame, the number of entries, the table.
constexpr std::uint64_t kHeaderCount = 8;
constexpr std::uint64_t kHeaderTable = 12;

// An entry that the program has registered: as a table of this one, relative to itself.
int find_registered(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t* info, int need_unwind_info,
                    void* arg) {
  RegisteredFrames::Entry entry;
  if (!registered_frames.find(ip, entry)) return -UNW_ENOINFO;
  const std::int64_t start = static_cast<std::int64_t>(entry.code_start - entry.at);
  if (start != static_cast<std::int32_t>(start)) return -UNW_ENOINFO;
  const struct alignas(unw_word_t) { std::int32_t start, fde; } row{static_cast<std::int32_t>(start), 0};
  unw_dyn_info_t table{};
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.start_ip = entry.code_start;
  table.end_ip = entry.code_end;
  table.u.rti.segbase = entry.at;
  table.u.rti.table_data = reinterpret_cast<unw_word_t>(&row);
  table.u.rti.table_len = sizeof row / sizeof(unw_word_t);
  return unw.search_unwind_table(space, ip, &table, info, need_unwind_info, arg);
}

int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t* info, int need_unwind_info,
                   void* arg) {
  const CodePlace place = modules.find(ip, false);
  if (place.tables.module_end == 0) return find_registered(space, ip, info, need_unwind_info, arg);
  if (place.tables.eh_frame_hdr == 0) return -UNW_ENOINFO;
  unw_dyn_info_t table{};
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.start_ip = place.tables.module_start;
  table.end_ip = place.tables.module_end;
  table.u.rti.segbase = place.tables.eh_frame_hdr;
  table.u.rti.table_data = place.tables.eh_frame_hdr + kHeaderTable;
  const auto entries = *reinterpret_cast<const std::uint32_t*>(place.tables.eh_frame_hdr + kHeaderCount);
  table.u.rti.table_len = entries * 8ull / sizeof(unw_word_t);
  return unw.search_unwind_table(space, ip, &table, info, need_unwind_info, arg);
}

void put_unwind_info(unw_addr_space_t, unw_proc_info_t*, void*) {}

int get_dyn_info_list_addr(unw_addr_space_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

int access_mem(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void*) {
  if (write != 0 || !is_readable(address)) return -UNW_EINVAL;
  *value = load_word(address);
  return 0;
}

int access_reg(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write, void* arg) {
  if (write != 0 || number < 0 || number > UNW_X86_64_RIP) return -UNW_EBADREG;
  *value = static_cast<const Registers*>(arg)->value[number];
  return 0;
}

int access_fpreg(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) {
  return -UNW_EBADREG;
}
int resume(unw_addr_space_t, unw_cursor_t*, void*) {
  return -UNW_EINVAL;
}
int get_proc_name(unw_addr_space_t, unw_word_t, char*, size_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

unw_accessors_t accessors{find_proc_info, put_unwind_info, get_dyn_info_list_addr, access_mem, access_reg,
                          access_fpreg,   resume,          get_proc_name};

// libunwind opens a pipe when it initialises itself, for local unwinding, which we never ask of it. The pipe
// takes the two lowest free descriptors, which are the program's to find free.
class LowestDescriptors {
 public:
  LowestDescriptors() noexcept {
    for (int& fd : lowest_) fd = sys::open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (const int fd : lowest_) {
      if (fd >= 0) sys::close(fd);
    }
  }

  void close_new_pipe() const noexcept {
    for (const int fd : lowest_) {
      struct stat now {};
      if (fd >= 0 && fstat(fd, &now) == 0 && S_ISFIFO(now.st_mode)) sys::close(fd);
    }
  }

 private:
  int lowest_[2];
};

template <typename F>
bool bind(void* library, const char* name, F& function) noexcept {
  function = reinterpret_cast<F>(libc::look_up(library, name));
  return function != nullptr;
}

}  // namespace

void load_libunwind() noexcept {
  void* library = dlopen("libunwind-x86_64.so.8", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    dlerror();  // takes the message, which the program would otherwise find
    return;
  }
  const bool bound = bind(library, "_Ux86_64_create_addr_space", unw.create_addr_space) &&
                     bind(library, "_Ux86_64_set_caching_policy", unw.set_caching_policy) &&
                     bind(library, "_Ux86_64_init_remote", unw.init_remote) &&
                     bind(library, "_Ux86_64_step", unw.step) &&
                     bind(library, "_Ux86_64_get_reg", unw.get_reg) &&
                     bind(library, "_Ux86_64_is_signal_frame", unw.is_signal_frame) &&
                     bind(library, "_Ux86_64_dwarf_search_unwind_table", unw.search_unwind_table);
  const unw_addr_space_t space = bound ? unw.create_addr_space(&accessors, 0) : nullptr;
  if (space == nullptr) return;
  // Its caches stay wrong when another module is loaded where one was closed; these walks are rare enough.
  const LowestDescriptors before;
  unw.set_caching_policy(space, UNW_CACHE_NONE);
  before.close_new_pipe();
  // Not before that call: it initialises libunwind under a lock, and the lazy binding of what it calls may
  // allocate, from a stack that only libunwind could walk.
  address_space = space;
}

__attribute__((noinline)) std::uint32_t unwind_with_libunwind(std::uint64_t ip, std::uint64_t sp,
                                                              FrameToken* to, std::uint32_t room) noexcept {
  if (address_space == nullptr) return 0;
  Registers here{};
  take_registers(here);
  unw_cursor_t cursor;
  if (unw.init_remote(&cursor, address_space, &here) != 0) return 0;
  std::uint32_t written = 0;
  bool exact = true;
  for (;;) {
    unw_word_t here_ip = 0;
    unw_word_t here_sp = 0;
    if (unw.get_reg(&cursor, UNW_REG_IP, &here_ip) != 0 || unw.get_reg(&cursor, UNW_REG_SP, &here_sp) != 0)
      break;
    if (!may_be_code(here_ip)) break;
    const FrameRule rule = rule_cache.rule_at({here_ip, here_sp, 0, exact}, false);
    if (written != 0 || (here_ip == ip && here_sp == sp)) {
      if (written == room) break;
      to[written++] = (here_ip & kFrameAddressMask) | (exact ? kFrameExactBit : 0) |
                      static_cast<FrameToken>(rule.module()) << kFrameModuleShift;
    }
    if (rule.kind() == RuleKind::kUnknown || rule.kind() == RuleKind::kOutermost) break;
    if (unw.step(&cursor) <= 0) break;
    exact = unw.is_signal_frame(&cursor) > 0;  // tells of the frame that the last step left
  }
  return written;
}

__attribute__((noinline)) bool find_frame_beyond(unsigned module, unsigned other, CallingFrame& to) noexcept {
  if (address_space == nullptr) return false;
  Registers here{};
  take_registers(here);
  unw_cursor_t cursor;
  if (unw.init_remote(&cursor, address_space, &here) != 0) return false;
  constexpr int kRegisters[] = {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_R12,
                                UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15};
  constexpr unsigned kMostFrames = 256;
  to = {};
  bool exact = true;
  for (unsigned n = 0; n < kMostFrames; ++n) {
    unw_word_t ip = 0;
    unw_word_t sp = 0;
    if (unw.get_reg(&cursor, UNW_REG_IP, &ip) != 0 || unw.get_reg(&cursor, UNW_REG_SP, &sp) != 0) return true;
    if (!may_be_code(ip)) return true;
    const FrameRule rule = rule_cache.rule_at({ip, sp, 0, exact}, false);
    if (to.ip == 0 && rule.module() != module && rule.module() != other) {
      to.ip = ip;
      to.sp = sp;
      for (unsigned i = 0; i < std::size(kRegisters); ++i) {
        unw_word_t value = 0;
        to.registers[i] = unw.get_reg(&cursor, kRegisters[i], &value) == 0 ? value : 0;
      }
    }
    const bool has_caller = rule.kind() != RuleKind::kUnknown && rule.kind() != RuleKind::kOutermost;
    if (!has_caller || unw.step(&cursor) <= 0) {
      to.outermost_module = rule.module();
      return true;
    }
    exact = unw.is_signal_frame(&cursor) > 0;  // tells of the frame that the last step left
  }
  return true;
}

}  // namespace weir
