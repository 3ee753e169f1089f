#include "shim/guard/page_fault.hpp"

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cerrno>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/access_start.hpp"
#include "shim/guard/fault_action.hpp"
#include "shim/guard/interrupted_stack.hpp"
#include "shim/guard/page_report.hpp"
#include "shim/guard/report_stack.hpp"
#include "shim/life/process.hpp"
#include "shim/life/thread_state.hpp"

namespace weir::pages {
namespace {

// The processor's error code of a page fault.
constexpr std::uint64_t kWrite = 2, kExecute = 16;
constexpr std::uint64_t kPageFault = 14;

struct Access {
  PageBlock* block;
  const PageBlock* next;
  std::uint64_t address;
  IncidentAccess kind;
  const ucontext_t& context;
};

std::uint64_t distance(const PageBlock& block, std::uint64_t address) noexcept {
  if (address < block.start) return block.start - address;
  return address >= block.end() ? address - block.end() + 1 : 0;
}

// The block that the address is nearest to, of the slot that it lies in and the two beside it: the page
// between two blocks is the one's end and the other's beginning.
PageBlock* nearest_block(std::uint64_t address) noexcept {
  PageRegion& region = region_of(address);
  PageBlock* middle = region.find(address);
  if (middle == nullptr) middle = region.find(address - kPageSize);
  if (middle == nullptr) middle = region.find(address + kPageSize);
  if (middle == nullptr) return nullptr;
  PageBlock* nearest = nullptr;
  for (PageBlock* block : {middle, region.before(*middle), region.behind(*middle)}) {
    if (block == nullptr || block->stage() == PageState::kNone) continue;
    if (nearest == nullptr || distance(*block, address) < distance(*nearest, address)) nearest = block;
  }
  return nearest;
}

// How far a pointer that went astray may be from the live block that it is taken to have come from: in the zone, or
// below it.
constexpr std::uint64_t kAstray = std::uint64_t{64} << 30;
bool is_near_zone(std::uint64_t address) noexcept {
  return address - (kPageZoneBase - kAstray) < kPageZoneSpan + kAstray;
}

// The live blocks that are nearest to an address in no slot: the last one before it, the first one behind.
struct Sides {
  PageBlock* before = nullptr;
  PageBlock* behind = nullptr;
};
Sides blocks_beside(std::uint64_t address) noexcept {
  Sides sides;
  for (const PageRegion* region : {&small_slots, &large_slots}) {
    PageBlock* const last = region->last_from(address);
    PageBlock* below = last;
    while (below != nullptr && !below->is_live()) below = region->before(*below);
    PageBlock* above = last != nullptr        ? region->behind(*last)
                       : region->count() != 0 ? &(*region)[0]
                                              : nullptr;
    while (above != nullptr && !above->is_live()) above = region->behind(*above);
    if (below != nullptr) sides.before = below;  // of the region with the higher addresses
    if (sides.behind == nullptr) sides.behind = above;
  }
  return sides;
}

void report(void* of) noexcept {
  const Access& access = *static_cast<const Access*>(of);
  PageBlock& block = *access.block;
  // Where it crosses the end of the block's page, the first byte that is not the block's.
  std::uint64_t start = access_start(access.context, access.address);
  if (block.is_live() && start >= block.start && start < block.end()) start = block.end();
  if (start < block.pages_start() || !block.is_live()) start = access.address;
  report_access(block, access.next, start, access.kind, interrupted_stack(access.context, access.address));
}

// Whether the access must be a race (the block was freed, and its slot used again, between the fault and
// now), so that it is to be tried again. If it fails again, the program itself has taken the access away.
bool is_first_try(std::uint64_t address, std::uint64_t ip) noexcept {
  static __thread std::uint64_t last_address __attribute__((tls_model("initial-exec"))) = 0;
  static __thread std::uint64_t last_ip __attribute__((tls_model("initial-exec"))) = 0;
  const bool first = last_address != address || last_ip != ip;
  last_address = address;
  last_ip = ip;
  return first;
}

// True when the program is to go on as if nothing had been.
bool answer(std::uint64_t address, const ucontext_t& context) noexcept {
  if (!is_this_process()) return false;
  PageBlock* block = holds(address) ? nearest_block(address) : nullptr;
  const PageBlock* next = nullptr;
  if (block == nullptr) {
    const Sides sides = blocks_beside(address);
    block = sides.before != nullptr ? sides.before : sides.behind;
    if (sides.before != nullptr && sides.behind != nullptr) {
      const bool is_behind = distance(*sides.behind, address) < distance(*sides.before, address);
      block = is_behind ? sides.behind : sides.before;
      next = is_behind ? sides.before : sides.behind;
    }
    if (block == nullptr || distance(*block, address) > kAstray) return false;
  }
  if (block->is_live() && address >= block->pages_start() && address < block->pages_end()) {
    return is_first_try(address, static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]));
  }
  const auto error = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_ERR]);
  Access access{block, next, address, IncidentAccess::kRead, context};
  if ((error & kWrite) != 0) access.kind = IncidentAccess::kWrite;
  if ((error & kExecute) != 0) access.kind = IncidentAccess::kUnknown;
  call_on_report_stack(report, &access);
  PageBlock* const slot = holds(address) ? region_of(address).find(address) : nullptr;
  if ((error & kExecute) == 0 && open_page(slot != nullptr ? *slot : *block, address)) return true;
  Line().text("weir: on_error=continue: this access cannot be let through").say();
  return false;
}

void on_fault(int number, siginfo_t* info, void* context) noexcept {
  const int saved = errno;
  const auto& interrupted = *static_cast<const ucontext_t*>(context);
  const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
  const bool page_fault =
      info->si_code > 0 && interrupted.uc_mcontext.gregs[REG_TRAPNO] == static_cast<greg_t>(kPageFault);
  if (page_fault && is_near_zone(address) && answer(address, interrupted)) {
    errno = saved;
    return;
  }
  const fault_action::Next next = fault_action::take(number, info, context);
  errno = saved;
  // A tail call: the program's handler has the caller that it would have had.
  if (next.handler != nullptr) return next.handler(number, info, context);
}

}  // namespace

void catch_faults() noexcept {
  if (fault_action::begin(on_fault)) return;
  Line().text("weir: guard=page: SIGSEGV cannot be handled; accesses are stopped without a report").say();
}

}  // namespace weir::pages
