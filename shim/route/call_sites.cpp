#include "shim/route/call_sites.hpp"

#include <link.h>

#include "shim/abi/route_matches.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/start_tool.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {

constinit std::atomic<std::uint32_t> call_site_epoch{1};
constinit CallSites route_sites{"WEIR_ROUTES"};

namespace {

constinit CallSites* all_sites = nullptr;  // those with rules; linked inside the first allocation
constinit bool sites_or_names_matter = false;
constinit std::atomic<bool> names_can_be_read{false};

// Held by whoever asks the tool; nobody waits for it.
constinit std::atomic<bool> asking{false};

void move_epoch() noexcept {
  call_site_epoch.fetch_add(1, std::memory_order_acq_rel);
}

int note_module(dl_phdr_info* info, std::size_t, void*) noexcept {
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    modules.find(info->dlpi_addr + segment.p_vaddr, false);
    break;
  }
  return 0;
}

}  // namespace

// The rules of this module that only names decide.
RuleMask CallSites::open_rules(std::string_view path) const noexcept {
  return by_name_ &
         rules_where(*rules_, [&](const RouteConditions& when) { return module_holds(when, path); });
}

const CallSites::ModuleSites* CallSites::known_sites(unsigned number) const noexcept {
  if (number >= sites_used_.load(std::memory_order_acquire)) return nullptr;
  const ModuleSites& found = sites_[number];
  return found.known.load(std::memory_order_acquire) ? &found : nullptr;
}

void CallSites::publish(const SiteQuestion& answered) noexcept {
  ModuleSites& to = sites_[answered.module];
  to.ranges = answered.ranges;
  to.count = answered.count;
  to.known.store(true, std::memory_order_release);
}

void CallSites::complain(const char* why) noexcept {
  if (complained_.exchange(true)) return;
  Line().text("weir: ").text(label_).text(": rules with caller= or source= take nothing: ").text(why).say();
}

// Under `asking`: makes known what of the modules 1 … count - 1 is not, as many as one question holds.
void CallSites::ask_about_modules() noexcept {
  constexpr unsigned kMostQuestions = 512;
  static SiteQuestion questions[kMostQuestions];
  const unsigned count = modules.count();
  if (!sites_.ensure(count)) return complain("there is no memory");
  if (sites_used_.load(std::memory_order_relaxed) < count) {
    sites_used_.store(count, std::memory_order_release);
  }
  unsigned asked = 0;
  for (unsigned i = 1; i < count && asked < kMostQuestions; ++i) {
    if (modules[i].unloaded || known_sites(i) != nullptr) continue;
    const SiteQuestion question{i, open_rules(path_of_module(i)), nullptr, 0};
    if (question.rules == 0) {
      publish(question);
    } else {
      questions[asked++] = question;
    }
  }
  if (asked == 0) return;
  if (const char* why = ask_for_sites(*rules_, questions, asked); why != nullptr) complain(why);
  for (unsigned i = 0; i < asked; ++i) publish(questions[i]);
}

// False when somebody is at it: another thread, or the code that a signal interrupted on this one.
bool CallSites::try_to_ask() noexcept {
  if (asking.exchange(true, std::memory_order_acquire)) return false;
  ask_about_modules();
  asking.store(false, std::memory_order_release);
  move_epoch();
  return true;
}

RuleMask CallSites::rules_in(const ModuleSites& where, std::uint64_t place) noexcept {
  const SiteRange* first = where.ranges;
  for (std::uint64_t left = where.count; left != 0;) {
    const std::uint64_t half = left / 2;
    if (first[half].end <= place) {
      first += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  const bool inside = first != where.ranges + where.count && first->start <= place;
  return inside ? first->rules : 0;
}

void CallSites::watch(const RouteRules& rules) noexcept {
  by_module_ = rules_where(rules, [](const RouteConditions& when) { return !when.module.empty(); });
  by_name_ = rules_where(rules, [](const RouteConditions& when) { return needs_names(when); });
  sites_or_names_matter |= (by_module_ | by_name_) != 0;
  rules_ = &rules;
  next_ = all_sites;
  all_sites = this;
  move_epoch();
}

// mode=leak locks for itself what others use too.
void lock_call_sites_for_fork() noexcept {
  if (sites_or_names_matter && !tracks_blocks() && !is_watched()) modules.lock_for_fork();
}
void unlock_call_sites_after_fork() noexcept {
  if (sites_or_names_matter && !tracks_blocks() && !is_watched()) modules.unlock_after_fork();
}
void forget_call_site_questions() noexcept {
  asking.store(false, std::memory_order_release);
}

void read_call_site_names() noexcept {
  if (!sites_or_names_matter) return;
  bool by_name = false;
  for (CallSites* each = all_sites; each != nullptr; each = each->next_) by_name |= each->by_name_ != 0;
  if (!by_name) return;
  find_tool();
  dl_iterate_phdr(note_module, nullptr);
  names_can_be_read.store(true, std::memory_order_release);
  for (CallSites* each = all_sites; each != nullptr; each = each->next_) {
    if (each->by_name_ != 0) each->try_to_ask();
  }
}

void note_modules_changed() noexcept {
  if (!sites_or_names_matter) return;
  modules.sweep();
  move_epoch();
}

RuleMask CallSites::rules_at(std::uint64_t return_address, bool* certain) noexcept {
  if (certain != nullptr) *certain = true;
  if (rules_ == nullptr) return 0;
  const RuleMask free =
      rules_where(*rules_, [](const RouteConditions&) { return true; }) & ~(by_module_ | by_name_);
  if ((by_module_ | by_name_) == 0) return free;
  const std::uint64_t call = return_address - 1;
  const CodePlace place = modules.find(call, true);
  if (place.module == 0) {
    // Code of no module, whose answer stands; or the table of modules is another thread's at this moment.
    if (place.tables.module_end != 0) move_epoch();
    if (certain != nullptr) *certain = place.tables.module_end == 0;
    return free;
  }
  const std::string_view path = path_of_module(place.module);
  const RuleMask in_module =
      rules_where(*rules_, [&](const RouteConditions& when) { return module_holds(when, path); });
  const RuleMask open = in_module & by_name_;
  if (open == 0 || !names_can_be_read.load(std::memory_order_acquire)) return in_module & ~by_name_;
  const ModuleSites* names = known_sites(place.module);
  if (names == nullptr && try_to_ask()) names = known_sites(place.module);
  if (certain != nullptr) *certain = names != nullptr;
  if (names == nullptr) return in_module & ~by_name_;
  return (in_module & ~by_name_) | (open & rules_in(*names, call - modules[place.module].bias));
}

}  // namespace weir
