#include "shim/watch/fail.hpp"

#include <linux/prctl.h>

#include <atomic>

#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/watch/alloc_stacks.hpp"
#include "shim/watch/fail_parser.hpp"
#include "shim/watch/fail_rules.hpp"
#include "shim/watch/fail_told.hpp"

namespace weir {
namespace {

constinit FailRules rules;
constinit CallSites sites{"fail"};
constinit std::atomic<std::uint64_t> matched[kMostRules];
constinit std::atomic<std::uint64_t> failed[kMostRules];
constinit std::atomic<std::uint64_t> refused_requests{0};
constinit bool stacks_matter = false;
constinit std::uint64_t begun_at = 0;

__thread bool fails_again __attribute__((tls_model("initial-exec"))) = false;

std::uint64_t seed_from_kernel() noexcept {
  std::uint64_t seed = 0;
  if (sys::call(SYS_getrandom, sys::as_word(&seed), sizeof seed, 1 /* GRND_NONBLOCK */) < 0) {
    seed = sys::now_ns();
  }
  return seed & 0xffffffffu;  // short enough to be typed again
}

bool stack_holds(const FailRule& rule, std::uint64_t hash) noexcept {
  for (unsigned i = 0; i < rule.stack_count; ++i) {
    if (rule.stack[i] == hash) return true;
  }
  return rule.stack_count == 0;
}

bool thread_holds_now(const RouteConditions& when) noexcept {
  if (when.thread.empty()) return true;
  char name[17] = "";
  sys::call(SYS_prctl, PR_GET_NAME, sys::as_word(name));
  return thread_holds(when, name);
}

// The rule's choice for its next matching request.
bool takes_next(unsigned i) noexcept {
  const FailRule& rule = rules.rule[i];
  if (!chooses(rule, matched[i].fetch_add(1, std::memory_order_relaxed) + 1)) return false;
  if (failed[i].fetch_add(1, std::memory_order_relaxed) < rule.times) return true;
  failed[i].fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace

bool set_up_fail() noexcept {
  const std::string_view text = options.fail;
  if (text.empty()) return false;
  const unsigned mistakes = parse_fail(text, rules, [&](const RouteMistake& mistake) noexcept {
    Line().text("weir: fail: ").text(mistake.message.view()).text("; this rule is left out").say();
    show_mistake(text, mistake, [](std::string_view line) noexcept { Line().text(line).say(); });
  });
  if (mistakes != 0 && options.strict) {
    Line().text("weir: fail has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  for (unsigned i = 0; i < rules.count(); ++i) {
    FailRule& rule = rules.rule[i];
    stacks_matter |= rule.stack_count != 0;
    if (rule.choice != FailChoice::kChance) continue;
    if (!rule.has_seed) rule.seed = seed_from_kernel();
    Line().text("weir: fail: seed=").number(rule.seed).say();
  }
  if (rules.count() != 0) sites.watch(rules.when);
  return rules.count() != 0;
}

void begin_fail() noexcept {
  begun_at = sys::now_ns();
}

bool refuses(WatchedCall call, CallSite site) noexcept {
  if (this_thread != nullptr && this_thread->own_work) return false;
  if (fails_again) {
    fails_again = false;
    return true;
  }
  RecordedStack* stack = nullptr;
  if (stacks_matter || records_stacks()) stack = record_stack(call, site);
  const std::uint64_t hash = stack != nullptr ? stack->hash : 0;
  RuleMask at_site = 0;
  bool asked = false;
  bool refused = false;
  for (unsigned i = 0; i < rules.count(); ++i) {
    const FailRule& rule = rules.rule[i];
    const RouteConditions& when = rules.when.rule[i].when;
    if (!size_holds(when, call.bytes) || !alignment_holds(when, call.alignment) ||
        !call_holds(when, call.call) || !stack_holds(rule, hash) || !thread_holds_now(when)) {
      continue;
    }
    if (!asked) {
      at_site = sites.rules_at(site.ip);
      asked = true;
    }
    if ((at_site >> i & 1) == 0) continue;
    if (rule.after_ns != 0 && sys::now_ns() - begun_at < rule.after_ns) continue;
    refused |= takes_next(i);
  }
  if (refused) {
    refused_requests.fetch_add(1, std::memory_order_relaxed);
    tell_failure(call, site, stack);
  }
  return refused;
}

void say_failures() noexcept {
  if (rules.count() == 0) return;
  const std::uint64_t total = refused_requests.load(std::memory_order_relaxed);
  Line().text("weir: fail: ").number(total).text(" request(s) failed").say();
}

RefusedAgain::RefusedAgain() noexcept {
  fails_again = true;
}
RefusedAgain::~RefusedAgain() {
  fails_again = false;
}

}  // namespace weir
