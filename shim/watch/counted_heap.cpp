#include "shim/watch/counted_heap.hpp"

#include <cerrno>

#include "shim/entry/new_handler.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/guard/guarded_heap.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/program_caller.hpp"
#include "shim/track/tracked_heap.hpp"
#include "shim/watch/block_words.hpp"
#include "shim/watch/call_log.hpp"
#include "shim/watch/fail.hpp"
#include "shim/watch/limits.hpp"
#include "shim/watch/thread_label.hpp"
#include "shim/watch/watch.hpp"

#define WEIR_COUNTED __attribute__((noinline))

namespace weir {

constinit bool counts_calls = false;

namespace {

constinit bool has_limits = false;
constinit bool has_log = false;

}  // namespace

bool set_up_counting() noexcept {
  has_limits = limits::set_up();
  has_log = call_log::set_up();
  counts_calls = has_limits || has_log;
  return counts_calls;
}

void begin_counting() noexcept {
  if (has_log) call_log::begin();
}

void end_counting() noexcept {
  if (has_log) call_log::end();
  if (has_limits) limits::say_refusals();
}

void count_in_child() noexcept {
  forget_thread_labels();
  if (has_log) call_log::go_on_in_child();
  if (has_limits) limits::forget_refusals();
}

namespace counted {
namespace {

using call_log::Arguments;

void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

constexpr Arguments one(std::uint64_t bytes) {
  return {bytes, 0, false, false};
}
constexpr Arguments two(std::uint64_t first, std::uint64_t second) {
  return {first, second, true, false};
}

bool is_on() noexcept {
  return watch_is_on && !(this_thread != nullptr && this_thread->own_work);
}

// While it lives, the heap behind knows where the program has called.
class Between {
 public:
  explicit Between(std::uint64_t caller) noexcept : before_(outer_caller) { outer_caller = caller; }
  ~Between() { outer_caller = before_; }
  Between(const Between&) = delete;
  Between& operator=(const Between&) = delete;

 private:
  std::uint64_t before_;
};

// One request: `make` asks the heap behind, and may be left out when there is no budget for it.
template <typename Make>
[[gnu::always_inline]] inline void* request(IncidentCall name, WatchedCall call, Arguments arguments,
                                            CallSite site, Make make, bool* refused = nullptr) noexcept {
  const Between between(site.ip);
  if (!is_on()) return make();
  limits::Grant grant{0, false};
  if (has_limits) grant = limits::admit(name, call, site, 0);
  void* block = grant.refused ? fail() : make();
  if (refused != nullptr) *refused = grant.refused;
  if (has_limits && !grant.refused) limits::settle(grant, 0, block);
  if (has_log) call_log::note_request(name, call, arguments, block, site.ip, false);
  return block;
}

// The heaps with headers, asked for one attempt, try again by way of libstdc++, whose nothrow forms call the
// others: so they come back here. The call that comes back finds nullptr, as if it had thrown; the handler is
// for the one that waits outside. Holds the size of that request, less one.
__thread std::size_t attempted __attribute__((tls_model("initial-exec"))) = 0;

template <typename Attempt>
[[gnu::always_inline]] inline void* attempt_once(std::size_t bytes, Attempt attempt) noexcept {
  attempted = bytes + 1;
  void* block = attempt();
  attempted = 0;
  return block;
}

bool comes_back(std::size_t bytes) noexcept {
  if (__builtin_expect(attempted != bytes + 1, 1)) return false;
  attempted = 0;
  return true;
}

// libstdc++'s nothrow forms call the others, now from its own code,
// where the limit's conditions may not hold.
template <typename Retry>
__attribute__((noinline, cold)) void* try_again(bool refused, Retry retry) noexcept {
  if (!refused) return retry();
  const RefusedAgain again;
  return retry();
}

// Before a block goes.
[[gnu::always_inline]] inline void note_end(IncidentCall name, void* block, std::uint64_t caller) noexcept {
  if (has_log && is_on()) call_log::note_free(name, block, caller);
  if (const std::uint64_t word = block_words::take(block); word != 0) limits::let_go(word);
}

void* inner_realloc(void* block, std::size_t bytes, std::uint64_t caller) noexcept {
  switch (mode()) {
    case Mode::kPass:
      return passed::realloc(block, bytes);
    case Mode::kRoute:
      return routed::reallocate_for(block, bytes, caller);
    case Mode::kGuard:
      return guarded::realloc(block, bytes);
    default:
      return tracked::realloc(block, bytes);
  }
}

void* inner_memalign(std::size_t alignment, std::size_t bytes, std::uint64_t caller) noexcept {
  switch (mode()) {
    case Mode::kPass:
      return passed::memalign(alignment, bytes);
    case Mode::kRoute:
      return routed::memalign_for(alignment, bytes, CallKind::kMemalign, caller);
    case Mode::kGuard:
      return guarded::memalign(alignment, bytes);
    default:
      return tracked::memalign(alignment, bytes);
  }
}

}  // namespace

WEIR_COUNTED void* malloc(std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  return request(IncidentCall::kMalloc, {CallKind::kMalloc, bytes, kGranule}, one(bytes), site,
                 [&]() -> void* {
                   switch (mode()) {
                     case Mode::kPass:
                       return passed::malloc(bytes);
                     case Mode::kRoute:
                       return routed::allocate(bytes, CallKind::kMalloc, site.ip);
                     case Mode::kGuard:
                       return guarded::malloc(bytes);
                     default:
                       return tracked::malloc(bytes);
                   }
                 });
}

WEIR_COUNTED void* calloc(std::size_t count, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  std::size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
  const WatchedCall call{CallKind::kCalloc, total, kGranule};
  return request(IncidentCall::kCalloc, call, two(count, bytes), site, [&]() -> void* {
    switch (mode()) {
      case Mode::kPass:
        return passed::calloc(count, bytes);
      case Mode::kRoute:
        return total == SIZE_MAX ? fail() : routed::allocate_zeroed(total, site.ip);
      case Mode::kGuard:
        return guarded::calloc(count, bytes);
      default:
        return tracked::calloc(count, bytes);
    }
  });
}

WEIR_COUNTED void* realloc(void* block, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  const Between between(site.ip);
  const bool on = is_on();
  const std::uint64_t word = block_words::take(block);
  const WatchedCall call{CallKind::kRealloc, bytes, kGranule};
  const bool frees = block != nullptr && bytes == 0;
  limits::Grant grant{0, false};
  if (has_limits && on && !frees) grant = limits::admit(IncidentCall::kRealloc, call, site, word);
  void* moved = grant.refused ? fail() : inner_realloc(block, bytes, site.ip);
  if (frees) {
    limits::let_go(word);
  } else if (moved == nullptr) {
    if (!grant.refused) limits::settle(grant, word, nullptr);
    if (word != 0) block_words::put(block, word);
  } else {
    limits::settle(grant, word, moved);
  }
  if (has_log && on) {
    const Arguments arguments{reinterpret_cast<std::uint64_t>(block), bytes, true, true};
    const bool was_logged = (word & call_log::kLogged) != 0;
    call_log::note_request(IncidentCall::kRealloc, call, arguments, moved, site.ip, was_logged);
  }
  return moved;
}

WEIR_COUNTED void* memalign(std::size_t alignment, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  return request(IncidentCall::kMemalign, {CallKind::kMemalign, bytes, alignment}, two(alignment, bytes),
                 site, [&] { return inner_memalign(alignment, bytes, site.ip); });
}

WEIR_COUNTED int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  const int saved = errno;
  const WatchedCall call{CallKind::kMemalign, bytes, alignment};
  void* block = request(IncidentCall::kPosixMemalign, call, two(alignment, bytes), site, [&]() -> void* {
    void* made = nullptr;
    if (mode() == Mode::kGuard) return guarded::posix_memalign(&made, alignment, bytes) == 0 ? made : nullptr;
    return inner_memalign(alignment, bytes, site.ip);
  });
  errno = block == nullptr ? ENOMEM : saved;  // as glibc, which POSIX would have left alone
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

WEIR_COUNTED std::size_t usable_size(void* block) {
  switch (mode()) {
    case Mode::kPass:
      return passed::usable_size(block);
    case Mode::kRoute:
      return routed::usable_size(block);
    case Mode::kGuard:
      return guarded::usable_size(block);
    default:
      return tracked::usable_size(block);
  }
}

#define WEIR_COUNTED_END(name, call, parameters, ...)                      \
  WEIR_COUNTED void name parameters {                                      \
    note_end(IncidentCall::call, block, WEIR_CALLER_ADDRESS());            \
    if (mode() == Mode::kPass) return ::weir::passed::free(block);         \
    if (mode() == Mode::kRoute) return ::weir::routed::free(block);        \
    if (mode() == Mode::kGuard) return ::weir::guarded::name(__VA_ARGS__); \
    return ::weir::tracked::free(block);                                   \
  }
using Size = std::size_t;
WEIR_COUNTED_END(free, kFree, (void* block), block)
WEIR_COUNTED_END(free_sized, kFreeSized, (void* block, Size n), block, n)
WEIR_COUNTED_END(free_aligned_sized, kFreeAlignedSized, (void* block, Size a, Size n), block, a, n)
WEIR_COUNTED_END(operator_delete, kDelete, (void* block), block)
WEIR_COUNTED_END(operator_delete_sized, kDelete, (void* block, Size n), block, n)
WEIR_COUNTED_END(operator_delete_aligned, kDelete, (void* block, Size a), block, a)
WEIR_COUNTED_END(operator_delete_sized_aligned, kDelete, (void* block, Size n, Size a), block, n, a)
WEIR_COUNTED_END(operator_delete_array, kDeleteArray, (void* block), block)
WEIR_COUNTED_END(operator_delete_array_sized, kDeleteArray, (void* block, Size n), block, n)
WEIR_COUNTED_END(operator_delete_array_aligned, kDeleteArray, (void* block, Size a), block, a)
WEIR_COUNTED_END(operator_delete_array_sized_aligned, kDeleteArray, (void* block, Size n, Size a), block, n,
                 a)

// The heaps with headers try again by themselves where they fail, by way of libstdc++ and of the functions
// here: then that call has counted the block already.
#define WEIR_COUNTED_NEW(name, call, symbol)                                                         \
  [[gnu::always_inline]] static inline void* attempt_##name(std::size_t bytes, CallSite site,        \
                                                            bool* refused) noexcept {                \
    const WatchedCall watched{CallKind::call, bytes, kGranule};                                      \
    return request(                                                                                  \
        IncidentCall::call, watched, one(bytes), site,                                               \
        [&]() -> void* {                                                                             \
          switch (mode()) {                                                                          \
            case Mode::kPass:                                                                        \
              return passed::malloc(bytes);                                                          \
            case Mode::kRoute:                                                                       \
              return routed::allocate(bytes, CallKind::call, site.ip);                               \
            case Mode::kGuard:                                                                       \
              return attempt_once(bytes, [=] { return guarded::name##_nothrow(bytes); });            \
            default:                                                                                 \
              return attempt_once(bytes, [=] { return tracked::name##_nothrow(bytes); });            \
          }                                                                                          \
        },                                                                                           \
        refused);                                                                                    \
  }                                                                                                  \
  WEIR_COUNTED void* name(std::size_t bytes) {                                                       \
    if (comes_back(bytes)) return nullptr;                                                           \
    const CallSite site = WEIR_CALL_SITE();                                                          \
    for (;;) {                                                                                       \
      if (void* block = attempt_##name(bytes, site, nullptr); __builtin_expect(block != nullptr, 1)) \
        return block;                                                                                \
      call_new_handler();                                                                            \
    }                                                                                                \
  }                                                                                                  \
  WEIR_COUNTED void* name##_nothrow(std::size_t bytes) {                                             \
    bool refused = false;                                                                            \
    void* block = attempt_##name(bytes, WEIR_CALL_SITE(), &refused);                                 \
    return __builtin_expect(block != nullptr, 1)                                                     \
               ? block                                                                               \
               : try_again(refused, [=] { return retry_nothrow(symbol, bytes); });                   \
  }
WEIR_COUNTED_NEW(operator_new, kNew, "_ZnwmRKSt9nothrow_t")
WEIR_COUNTED_NEW(operator_new_array, kNewArray, "_ZnamRKSt9nothrow_t")

#define WEIR_COUNTED_NEW_ALIGNED(name, call, symbol)                                                  \
  [[gnu::always_inline]] static inline void* attempt_##name(std::size_t bytes, std::size_t alignment, \
                                                            CallSite site, bool* refused) noexcept {  \
    const WatchedCall watched{CallKind::call, bytes, alignment};                                      \
    return request(                                                                                   \
        IncidentCall::call, watched, two(bytes, alignment), site,                                     \
        [&]() -> void* {                                                                              \
          switch (mode()) {                                                                           \
            case Mode::kPass:                                                                         \
              return passed::memalign(alignment, bytes);                                              \
            case Mode::kRoute:                                                                        \
              return routed::memalign_for(alignment, bytes, CallKind::call, site.ip);                 \
            case Mode::kGuard:                                                                        \
              return attempt_once(bytes, [=] { return guarded::name##_nothrow(bytes, alignment); });  \
            default:                                                                                  \
              return attempt_once(bytes, [=] { return tracked::name##_nothrow(bytes, alignment); });  \
          }                                                                                           \
        },                                                                                            \
        refused);                                                                                     \
  }                                                                                                   \
  WEIR_COUNTED void* name(std::size_t bytes, std::size_t alignment) {                                 \
    if (comes_back(bytes)) return nullptr;                                                            \
    const CallSite site = WEIR_CALL_SITE();                                                           \
    for (;;) {                                                                                        \
      if (void* block = attempt_##name(bytes, alignment, site, nullptr);                              \
          __builtin_expect(block != nullptr, 1))                                                      \
        return block;                                                                                 \
      call_new_handler();                                                                             \
    }                                                                                                 \
  }                                                                                                   \
  WEIR_COUNTED void* name##_nothrow(std::size_t bytes, std::size_t alignment) {                       \
    bool refused = false;                                                                             \
    void* block = attempt_##name(bytes, alignment, WEIR_CALL_SITE(), &refused);                       \
    return __builtin_expect(block != nullptr, 1)                                                      \
               ? block                                                                                \
               : try_again(refused, [=] { return retry_nothrow_aligned(symbol, bytes, alignment); }); \
  }
WEIR_COUNTED_NEW_ALIGNED(operator_new_aligned, kNew, "_ZnwmSt11align_val_tRKSt9nothrow_t")
WEIR_COUNTED_NEW_ALIGNED(operator_new_array_aligned, kNewArray, "_ZnamSt11align_val_tRKSt9nothrow_t")

}  // namespace counted
}  // namespace weir
