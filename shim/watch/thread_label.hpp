// The calling thread's name and number, as the call log and limits with thread= want them for each call: kept
// in the thread, and asked for anew when a name was given (forget_thread_labels) or the process has forked.
//
// Async-signal-safe, no malloc, no lock.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

struct ThreadLabel {
  char text[64];      // "[1234 worker] "
  std::uint8_t used;  // bytes of text
  std::uint8_t name_at;
  std::uint32_t epoch;

  std::string_view name() const noexcept {
    return {text + name_at, static_cast<std::size_t>(used - name_at - 2)};
  }
};

// Stays valid on this thread until the next call.
const ThreadLabel& thread_label() noexcept;

void forget_thread_labels() noexcept;

}  // namespace weir
