#include "shim/watch/call_log.hpp"

#include <atomic>
#include <cstring>

#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/watch/block_words.hpp"
#include "shim/watch/call_log_clock.hpp"
#include "shim/watch/call_log_file.hpp"
#include "shim/watch/call_log_line.hpp"
#include "shim/watch/call_log_rules.hpp"
#include "shim/watch/option_mistake.hpp"
#include "shim/watch/site_answers.hpp"
#include "shim/watch/thread_label.hpp"

namespace weir::call_log {
namespace {

constexpr std::size_t kLongestName = 36;  // of a module, in a line

constinit RouteRules rules;  // any of them; without a target
constinit CallSites sites{"log"};
constinit SiteAnswers answers;
constinit bool all = false;  // some rule has no condition
constinit bool sites_matter = false;
constinit bool open = false;
constinit std::uint64_t start_ns = 0;

// In the order of IncidentCall.
struct CallName {
  char text[64];
  std::uint8_t used;
};
template <std::size_t N>
consteval CallName named(const char (&text)[N]) {
  CallName name{};
  for (std::size_t i = 0; i < N; ++i) name.text[i] = text[i];
  name.used = N - 1;
  return name;
}
constexpr CallName kCalls[kIncidentCalls] = {
    named("?"),
    named("malloc("),
    named("calloc("),
    named("realloc("),
    named("memalign("),
    named("posix_memalign("),
    named("operator new("),
    named("operator new[]("),
    named("free("),
    named("free_sized("),
    named("free_aligned_sized("),
    named("operator delete("),
    named("operator delete[]("),
    named("malloc_usable_size("),
};

// "  in libfoo.so+0x1234\n" of the return addresses that came last. An entry is free for readers while its
// key is the address; whoever changes it holds it by the key kBusy.
struct Place {
  std::atomic<std::uint64_t> key;
  char text[64];
  std::uint8_t used;
};
constexpr std::size_t kPlaces = 4096;
constexpr std::uint64_t kBusy = 1;
constinit Place* places = nullptr;

// A module's code may lie elsewhere after a dlclose.
std::uint64_t key_of(std::uint64_t caller) noexcept {
  return caller ^ __atomic_load_n(&unload_epoch, __ATOMIC_RELAXED) << 48;
}

struct PlaceText {
  char text[64];
  std::size_t used;
  bool stays;
};

PlaceText make_place(std::uint64_t caller) noexcept {
  PlaceText to{};
  Line line;
  // While another thread registers a module, the table answers that it knows the code, but not its module.
  CodePlace place = modules.find(caller - 1, true);
  for (int tries = 0; place.module == 0 && place.tables.module_end != 0 && tries < 100; ++tries) {
    sys::call(SYS_sched_yield);
    place = modules.find(caller - 1, true);
  }
  const unsigned module = place.module;
  to.stays = module != 0;
  line.text("  in ");
  if (module != 0) {
    const std::string_view path = path_of_module(module);
    const std::size_t name = path.rfind('/') + 1;
    const std::size_t bytes = path.size() - name;
    line.text({path.data() + name, bytes < kLongestName ? bytes : kLongestName}).text("+");
    line.hex(caller - modules[module].bias);
  } else {
    line.hex(caller);
  }
  line.text("\n");
  to.used = line.view().copy(to.text, sizeof to.text);
  return to;
}

__attribute__((noinline, cold)) PlaceText keep_place(Place& place, std::uint64_t caller,
                                                     std::uint64_t key) noexcept {
  const PlaceText made = make_place(caller);
  std::uint64_t was = place.key.load(std::memory_order_relaxed);
  if (!made.stays || was == kBusy ||
      !place.key.compare_exchange_strong(was, kBusy, std::memory_order_acquire))
    return made;
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(place.text, made.text, sizeof place.text);
  place.used = static_cast<std::uint8_t>(made.used);
  place.key.store(key, std::memory_order_release);
  return made;
}

void put_place(LogLine& line, std::uint64_t caller) noexcept {
  const std::uint64_t key = key_of(caller);
  Place& place = places[key * 0x9e3779b97f4a7c15u >> 52];
  static_assert(kPlaces == std::size_t{1} << (64 - 52));
  PlaceText found{};
  if (__builtin_expect(place.key.load(std::memory_order_acquire) == key, 1)) {
    std::memcpy(found.text, place.text, sizeof found.text);
    found.used = place.used;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (__builtin_expect(place.key.load(std::memory_order_relaxed) == key, 1)) {
      return line.padded(found.text, found.used);
    }
  }
  found = keep_place(place, caller, key);
  line.padded(found.text, found.used);
}

__thread Clock line_clock __attribute__((tls_model("initial-exec")));

void begin_line(LogLine& line, IncidentCall call) noexcept {
  const std::uint64_t now = line_clock.now();
  line.seconds(now > start_ns ? now - start_ns : 0);
  line.literal(" ");
  const ThreadLabel& label = thread_label();
  line.padded(label.text, label.used);
  const CallName& name = kCalls[static_cast<unsigned>(call)];
  line.padded(name.text, name.used);
}

bool wants(WatchedCall request, std::uint64_t caller) noexcept {
  if (all) return true;
  RuleMask holds = 0;
  for (unsigned i = 0; i < rules.count; ++i) {
    const RouteConditions& when = rules.rule[i].when;
    const bool holds_here = size_holds(when, request.bytes) && alignment_holds(when, request.alignment) &&
                            call_holds(when, request.call) &&
                            (when.thread.empty() || thread_holds(when, thread_label().name()));
    if (holds_here) holds |= RuleMask{1} << i;
  }
  if (holds != 0 && sites_matter) holds &= answers.of(sites, caller);
  return holds != 0;
}

}  // namespace

bool set_up() noexcept {
  const std::string_view text = options.log;
  if (text.empty()) return false;
  const unsigned mistakes = parse_log_rules(text, rules, [&](const RouteMistake& mistake) noexcept {
    say_option_mistake("log", text, mistake, "these conditions are left out");
  });
  if (mistakes != 0 && options.strict) {
    Line().text("weir: log has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  for (unsigned i = 0; i < rules.count; ++i) {
    const RouteConditions& when = rules.rule[i].when;
    all |= takes_all_of(when, RouteConditions{});
    sites_matter |= !when.module.empty() || needs_names(when);
  }
  if (rules.count == 0 || (!all && !block_words::start())) return false;
  if (sites_matter && !answers.start()) return false;
  places = static_cast<Place*>(table_zone.map(kPlaces * sizeof(Place)));
  if (places == nullptr) return false;
  sites.watch(rules);
  return true;
}

void begin() noexcept {
  if (places == nullptr) return;
  start_ns = open_file(options.log_file, options.log_bytes);
  open = true;
}

void end() noexcept {
  if (open) trim_file();
}

void go_on_in_child() noexcept {
  if (open) call_log::go_on_file_in_child();
}

void note_request(IncidentCall call, WatchedCall request, Arguments arguments, void* block,
                  std::uint64_t caller, bool was_logged) noexcept {
  if (!open || (!was_logged && !wants(request, caller))) return;
  if (block != nullptr && !all) block_words::mark(block, kLogged);
  LogLine line;
  begin_line(line, call);
  if (arguments.first_is_address && arguments.first == 0) {
    line.literal("NULL");
  } else if (arguments.first_is_address) {
    line.hexadecimal(arguments.first);
  } else {
    line.decimal(arguments.first);
  }
  if (arguments.has_second) {
    line.literal(", ");
    line.decimal(arguments.second);
  }
  if (block != nullptr) {
    line.literal(") = ");
    line.hexadecimal(reinterpret_cast<std::uint64_t>(block));
  } else {
    line.literal(") = NULL");
  }
  put_place(line, caller);
  append(line.view());
}

void note_free(IncidentCall call, const void* block, std::uint64_t caller) noexcept {
  if (!open || (!all && (block_words::peek(block) & kLogged) == 0)) return;
  LogLine line;
  begin_line(line, call);
  if (block != nullptr) {
    line.hexadecimal(reinterpret_cast<std::uint64_t>(block));
    line.literal(")");
  } else {
    line.literal("NULL)");
  }
  put_place(line, caller);
  append(line.view());
}

}  // namespace weir::call_log
