#include "shim/life/thread_names.hpp"

#include <sys/prctl.h>

#include <atomic>
#include <string_view>

#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/mode.hpp"

namespace weir {
namespace {

constexpr std::uint32_t kMostNames = 65535;

constinit GrowingTable<ThreadIdentity> identities;
constinit std::atomic<std::uint32_t> names_used{1};

void read_present_name(ThreadIdentity& of) noexcept {
  Line path;
  path.text("/proc/thread-self/../").number(static_cast<std::uint64_t>(of.tid)).text("/comm");
  char text[64];
  text[path.view().copy(text, sizeof text - 1)] = '\0';
  const int fd = sys::open(text, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const long n = sys::read(fd, of.name, kThreadNameRoom - 1);
  sys::close(fd);
  for (long i = 0; i < static_cast<long>(kThreadNameRoom); ++i) {
    if (i >= n || of.name[i] == '\n') of.name[i] = '\0';
  }
}

}  // namespace

std::uint32_t number_thread() noexcept {
  const std::uint32_t number = names_used.load(std::memory_order_relaxed);
  if (number > kMostNames || !identities.ensure(number + 1)) return 0;
  identities[number] = {sys::gettid(), {}};
  names_used.store(number + 1, std::memory_order_release);
  return number;
}

void keep_thread_name(std::uint32_t number) noexcept {
  if (number == 0 || mode() != Mode::kGuard) return;
  sys::call(SYS_prctl, PR_GET_NAME, sys::as_word(identities[number].name));
}

void note_thread_id(std::uint32_t number) noexcept {
  if (number != 0) identities[number].tid = sys::gettid();
}

ThreadIdentity thread_identity(std::uint32_t number) noexcept {
  if (number == 0 || number >= names_used.load(std::memory_order_acquire)) return {};
  ThreadIdentity found = identities[number];
  if (found.name[0] == '\0') read_present_name(found);
  return found;
}

}  // namespace weir
