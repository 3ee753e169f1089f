// Which rules a call site takes part in, by the module, the function and the source file that call.
//
// A module's path is known here. Names need the tool: it is started once by the constructor, where a rule has
// caller= or source= (for each set of rules), and once more for each module that is loaded later, at the
// first call out of it. Until then, and where the tool cannot be started, those rules do not hold.
//
// The answer for one return address never changes while its module is loaded, so callers keep it together
// with the epoch that they read before they asked; call_site_epoch moves
// whenever kept answers must be asked again.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_sites.hpp"
#include "shim/base/zones.hpp"

namespace weir {

struct SiteQuestion;

// Changes when answers may have changed: the names were read, a module came or went.
extern std::atomic<std::uint32_t> call_site_epoch;

// One set of rules: WEIR_ROUTES, or an option's.
class CallSites {
 public:
  // What messages call the rules.
  constexpr explicit CallSites(const char* label) : label_(label) {}

  // Inside the first allocation: the rules to go by, which stay. Before it rules_at answers 0.
  void watch(const RouteRules& rules) noexcept;

  // Bit i: rule i's conditions on module, caller and source hold for the code that `return_address` returns
  // to, or it has none. Thread-safe and async-signal-safe, takes no lock of the loader's, never calls malloc,
  // waits for no other thread. O(log modules + log functions); the first call from a new module may wait for
  // the tool. *certain becomes false where another thread is at what the answer needs: then it is the answer
  // of code of no module, or without names.
  RuleMask rules_at(std::uint64_t return_address, bool* certain = nullptr) noexcept;

 private:
  friend void read_call_site_names() noexcept;

  // Around a fork.
  void lock_call_sites_for_fork() noexcept;
  void unlock_call_sites_after_fork() noexcept;
  void forget_call_site_questions() noexcept;  // in the child: who asked is not here

  // What is known of one module's names. Zeroed memory is "nothing yet"; once known it never changes: the
  // same file at the same place has the same number for ever.
  struct ModuleSites {
    std::atomic<bool> known;
    const SiteRange* ranges;
    std::uint64_t count;
  };

  RuleMask open_rules(std::string_view path) const noexcept;
  const ModuleSites* known_sites(unsigned number) const noexcept;
  void publish(const SiteQuestion& answered) noexcept;
  void complain(const char* why) noexcept;
  void ask_about_modules() noexcept;
  bool try_to_ask() noexcept;
  static RuleMask rules_in(const ModuleSites& where, std::uint64_t place) noexcept;

  const char* const label_;
  const RouteRules* rules_ = nullptr;
  CallSites* next_ = nullptr;
  RuleMask by_module_ = 0;           // the rules with a condition on the module
  RuleMask by_name_ = 0;             // those with caller= or source=
  GrowingTable<ModuleSites> sites_;  // by the module's number
  std::atomic<unsigned> sites_used_{0};
  std::atomic<bool> complained_{false};
};

extern CallSites route_sites;  // those of WEIR_ROUTES

// In the constructor: reads the names of what is loaded, where rules ask for any. Takes the loader's lock,
// and waits for the tool.
void read_call_site_names() noexcept;

// Around a fork.
void lock_call_sites_for_fork() noexcept;
void unlock_call_sites_after_fork() noexcept;
void forget_call_site_questions() noexcept;  // in the child: who asked is not here

// After a dlclose.
void note_modules_changed() noexcept;

}  // namespace weir
