#include "shim/guard/page_choice.hpp"

#include <linux/prctl.h>

#include <atomic>
#include <string_view>

#include "shim/abi/route_condition_parser.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/route/call_sites.hpp"

namespace weir::pages {

__thread std::uint32_t blocks_to_go = 0;

namespace {

constinit bool asks = false;        // guard_where says something
constinit bool asks_sites = false;  // about module, caller or source
constinit std::uint32_t every = 1;
constinit std::atomic<std::uint32_t> threads{0};
RouteRules where;  // one rule, whose conditions are guard_where's
constinit CallSites where_sites{"guard_where"};

// Of the blocks that guard_where names; blocks_to_go counts all.
__thread std::uint32_t named_to_go __attribute__((tls_model("initial-exec"))) = 0;

// guard_where as a whole.
class WhereParser : public RouteConditionParser {
 public:
  explicit WhereParser(std::string_view text) noexcept : RouteConditionParser(text, 0, text.size()) {
    and_joins_ = true;
  }

  // False where `when` is of no use; mistake() tells why.
  bool parse(RouteConditions& when) noexcept {
    for (;;) {
      while (at_blank() || at_and() || peek() == ',') at_ += at_and() ? 2 : 1;
      if (done()) return true;
      if (at_arrow()) return fail(at_, end_, "no target can stand here, conditions alone");
      if (!take_condition(when)) return false;
      if (!done() && !at_blank() && !at_and() && !at_arrow() && peek() != ',') {
        return fail(at_, at_ + 1, "conditions are separated by a blank, ',' or '&&'");
      }
    }
  }
};

bool read_where() noexcept {
  const std::string_view text(options.guard_where);
  if (text.empty()) return false;
  where.rule[0].text = text;
  where.count = 1;
  WhereParser parser(text);
  if (parser.parse(where.rule[0].when)) return true;
  where.rule[0].when = {};
  Line().text("weir: option 'guard_where': ").text(parser.mistake().message.view()).text("; left out").say();
  show_mistake(text, parser.mistake(), [](std::string_view line) noexcept { Line().text(line).say(); });
  if (options.strict) {
    Line().text("weir: WEIR_OPTIONS has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  return false;
}

// Answers of where_sites, each in one word: the return address, the epoch's low bits, the answer.
constexpr unsigned kAnswerBits = 10;
constinit std::atomic<std::uint64_t> answers[1u << kAnswerBits]{};

bool site_holds(std::uint64_t caller) noexcept {
  const std::uint64_t epoch = call_site_epoch.load(std::memory_order_acquire);
  const std::uint64_t key = caller << 17 | (epoch & 0xffff) << 1;
  std::atomic<std::uint64_t>& slot = answers[caller * 0x9e3779b97f4a7c15u >> (64 - kAnswerBits)];
  const std::uint64_t kept = slot.load(std::memory_order_relaxed);
  if (__builtin_expect((kept & ~std::uint64_t{1}) == key, 1)) return (kept & 1) != 0;
  const bool holds = where_sites.rules_at(caller) != 0;
  slot.store(key | (holds ? 1 : 0), std::memory_order_relaxed);
  return holds;
}

bool thread_matches(const RouteConditions& when) noexcept {
  if (when.thread.empty()) return true;
  char name[16] = "";
  sys::call(SYS_prctl, PR_GET_NAME, sys::as_word(name));
  return thread_holds(when, name);
}

// This block is one more; true when it is its turn.
bool take_turn(std::uint32_t& to_go) noexcept {
  if (to_go == 0) {
    const std::uint64_t place = threads.fetch_add(1, std::memory_order_relaxed) * std::uint64_t{0x9e3779b9};
    to_go = static_cast<std::uint32_t>(place % every) + 1;
  }
  if (--to_go != 0) return false;
  to_go = every;
  return true;
}

}  // namespace

void set_up_choice() noexcept {
  every = static_cast<std::uint32_t>(options.guard_every);
  asks = read_where();
  const RouteConditions& when = where.rule[0].when;
  asks_sites = asks && (!when.module.empty() || needs_names(when));
  if (asks_sites) where_sites.watch(where);
}

void keep_turn() noexcept {
  blocks_to_go = 1;
  named_to_go = 1;
}

__attribute__((noinline)) bool choose(std::size_t bytes, std::size_t alignment, CallKind call,
                                      std::uint64_t caller) noexcept {
  if (asks) {
    const RouteConditions& when = where.rule[0].when;
    if (!size_holds(when, bytes) || !alignment_holds(when, alignment) || !call_holds(when, call)) {
      return false;
    }
    if (asks_sites && !site_holds(caller)) return false;
    if (!thread_matches(when)) return false;
    return every == 1 || take_turn(named_to_go);
  }
  return every == 1 || take_turn(blocks_to_go);
}

}  // namespace weir::pages
