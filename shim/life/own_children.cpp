#include "shim/life/own_children.hpp"

#include <errno.h>
#include <sys/wait.h>

#include <cstdint>

#include "shim/base/sys.hpp"

namespace weir::own_children {

constinit std::atomic<unsigned> known{0};

namespace {

constexpr pid_t kFree = 0;
constexpr pid_t kTaken = -1;  // of a child that is about to be made

// Who has learnt of the end: the second one frees the place, or the first would take away what the other asks for.
constexpr std::uint8_t kMet = 1;
constexpr std::uint8_t kOver = 2;

struct Place {
  std::atomic<pid_t> pid;
  std::atomic<std::uint8_t> end;
};
constinit Place places[kMost];

Place* find(pid_t pid) noexcept {
  if (pid <= 0) return nullptr;
  for (Place& p : places) {
    if (p.pid.load(std::memory_order_acquire) == pid) return &p;
  }
  return nullptr;
}

void free_place(Place& p) noexcept {
  p.end.store(0, std::memory_order_relaxed);
  p.pid.store(kFree, std::memory_order_release);
  known.fetch_sub(1, std::memory_order_acq_rel);
}

void note_end(pid_t pid, std::uint8_t who) noexcept {
  Place* const p = find(pid);
  if (p != nullptr && p->end.fetch_or(who, std::memory_order_acq_rel) != 0) free_place(*p);
}

}  // namespace

pid_t* place() noexcept {
  for (Place& p : places) {
    pid_t expected = kFree;
    if (!p.pid.compare_exchange_strong(expected, kTaken, std::memory_order_acq_rel)) continue;
    known.fetch_add(1, std::memory_order_acq_rel);
    return reinterpret_cast<pid_t*>(&p.pid);
  }
  return nullptr;
}

void drop(pid_t* place) noexcept {
  if (place != nullptr) free_place(*reinterpret_cast<Place*>(place));
}

void note(pid_t pid) noexcept {
  pid_t* const to = place();
  if (to != nullptr) reinterpret_cast<Place*>(to)->pid.store(pid, std::memory_order_release);
}

long wait(pid_t pid, int* status, int options) noexcept {
  long got;
  do {
    got = sys::call(SYS_wait4, pid, sys::as_word(status), __WALL | options, 0);
  } while (got == -EINTR);
  if (got == pid) {
    Place* const p = find(pid);
    if (p != nullptr) free_place(*p);
  } else if (got < 0) {
    note_end(pid, kOver);
  }
  return got;
}

void forget() noexcept {
  for (Place& p : places) {
    p.pid.store(kFree, std::memory_order_relaxed);
    p.end.store(0, std::memory_order_relaxed);
  }
  known.store(0, std::memory_order_relaxed);
}

bool knows(pid_t pid) noexcept {
  return find(pid) != nullptr;
}

void was_met(pid_t pid) noexcept {
  note_end(pid, kMet);
}

}  // namespace weir::own_children
