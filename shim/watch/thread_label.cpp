#include "shim/watch/thread_label.hpp"

#include <linux/prctl.h>

#include <atomic>

#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

constinit std::atomic<std::uint32_t> epoch{1};
__thread ThreadLabel label __attribute__((tls_model("initial-exec"))) = {};

__attribute__((noinline, cold)) void make_label(std::uint32_t now) noexcept {
  char name[17] = "";
  sys::call(SYS_prctl, PR_GET_NAME, sys::as_word(name));
  for (char& c : name) {
    if (c != '\0' && static_cast<unsigned char>(c) < ' ') c = '?';  // a line of the log is one line
  }
  Line line;
  line.text("[").number(static_cast<std::uint64_t>(sys::gettid())).text(" ");
  label.name_at = static_cast<std::uint8_t>(line.view().size());
  line.text(name).text("] ");
  label.used = static_cast<std::uint8_t>(line.view().copy(label.text, sizeof label.text));
  label.epoch = now;  // last: a signal handler in between makes it again
}

}  // namespace

const ThreadLabel& thread_label() noexcept {
  const std::uint32_t now = epoch.load(std::memory_order_relaxed);
  if (__builtin_expect(label.epoch != now, 0)) make_label(now);
  return label;
}

void forget_thread_labels() noexcept {
  epoch.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace weir
