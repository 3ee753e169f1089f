#include "tools/report/incident_words.hpp"

#include <fmt/core.h>

#include <cstring>

#include "tools/report/shown.hpp"

namespace weir {

namespace {

std::string occasion_clause(const Incident& incident) {
  switch (incident.facts.occasion) {
    case IncidentOccasion::kCall:
    case IncidentOccasion::kAccess:
      return {};
    case IncidentOccasion::kFree:
      return ", found by free";
    case IncidentOccasion::kRealloc:
      return ", found by realloc";
    case IncidentOccasion::kQuarantine:
      return ", found when it left the quarantine";
    case IncidentOccasion::kExit:
      return ", found by the check at exit";
    case IncidentOccasion::kSignal:
      return fmt::format(", found by the check on signal {}", incident.signal);
    case IncidentOccasion::kPeriodic:
      return ", found by a periodic check";
    case IncidentOccasion::kCrash: {
      const char* name = sigabbrev_np(static_cast<int>(incident.signal));
      return fmt::format(", found when SIG{} ended the program", name != nullptr ? name : "?");
    }
  }
  return {};
}

// How far an address is from the block's start: before it when negative.
std::int64_t offset_in_block(const FindingsIncident& facts) {
  return static_cast<std::int64_t>(facts.address - facts.block_address);
}

std::string block_text(const FindingsIncident& facts) {
  // A write over its header took with it what is known of it.
  const bool unknown = facts.block_bytes == 0 && facts.made_by == IncidentCall::kNone;
  if (facts.block_is_freed != 0 && unknown) return "a freed block of unknown size";
  return fmt::format("a {}block of {} byte(s)", facts.block_is_freed != 0 ? "freed " : "", facts.block_bytes);
}

std::string damage_clause(const FindingsIncident& facts) {
  if (facts.occasion == IncidentOccasion::kAccess) {
    return fmt::format("{} at offset {} of {}", word_of(kAccessWords, facts.access), offset_in_block(facts),
                       block_text(facts));
  }
  return fmt::format("{} byte(s) {} at offset {} of {}", facts.damaged_count,
                     facts.kind == IncidentKind::kUseAfterFree ? "written" : "damaged", facts.damage_offset,
                     block_text(facts));
}

std::string place_clause(const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  switch (facts.place) {
    case IncidentPlace::kBlock:
      return fmt::format("which is {}", block_text(facts));
    case IncidentPlace::kStack:
      return "which is on the stack";
    case IncidentPlace::kStatic:
      return fmt::format("which is in static storage of {}",
                         incident.place_module.empty() ? "an unknown module" : shown(incident.place_module));
    case IncidentPlace::kInsideLive:
      return fmt::format("which is inside a block of {} byte(s) at offset {}", facts.block_bytes,
                         offset_in_block(facts));
    case IncidentPlace::kInsideFreed:
      return fmt::format("which is inside a freed block of {} byte(s) at offset {}", facts.block_bytes,
                         offset_in_block(facts));
    case IncidentPlace::kHeap:
      return "which is in the heap, but in no block";
    case IncidentPlace::kOtherMapping:
      return "which is in memory that is not the heap's";
    case IncidentPlace::kUnmapped:
      return "which is not mapped";
  }
  return {};
}

std::string clause(const Incident& incident) {
  const FindingsIncident& facts = incident.facts;
  const std::string_view call = word_of(kHeapCallWords, facts.call);
  switch (facts.kind) {
    case IncidentKind::kOverflow:
    case IncidentKind::kUnderflow:
    case IncidentKind::kUseAfterFree:
      return damage_clause(facts);
    case IncidentKind::kDoubleFree:
      return fmt::format("{} of a freed block of {} byte(s)", call, facts.block_bytes);
    case IncidentKind::kBadFree:
      return fmt::format("{} of 0x{:x}, {}", call, facts.address, place_clause(incident));
    case IncidentKind::kMismatch:
      return fmt::format("{} of {} from {}", call, block_text(facts), word_of(kHeapCallWords, facts.made_by));
    case IncidentKind::kSizeMismatch:
      return fmt::format("{} with size {} of {}", call, facts.given_size, block_text(facts));
    case IncidentKind::kAlignMismatch:
      if (facts.given_alignment == 0) {
        return fmt::format("{} without alignment of a block aligned to {}", call, facts.block_alignment);
      }
      return fmt::format("{} with alignment {} of a block aligned to {}", call, facts.given_alignment,
                         facts.block_alignment);
    case IncidentKind::kTooBig:
    case IncidentKind::kZeroSize:
      return fmt::format("{} of {} byte(s)", call, facts.given_size);
    case IncidentKind::kCallocOverflow:
      return fmt::format("{} of {} * {} byte(s)", call, facts.given_count, facts.given_size);
    case IncidentKind::kBadAlignment:
      return fmt::format("{} with alignment {}", call, facts.given_alignment);
  }
  return {};
}

}  // namespace

std::string incident_line(const Incident& incident) {
  return fmt::format("{}: {}{}", kind_word(incident), clause(incident), occasion_clause(incident));
}

const Trace& telling_trace(const Incident& incident) {
  const IncidentOccasion occasion = incident.facts.occasion;
  if (occasion == IncidentOccasion::kCall || occasion == IncidentOccasion::kAccess) return incident.now;
  if (incident.facts.block_is_freed != 0 && !incident.freed.frames.empty()) return incident.freed;
  return incident.allocated.frames.empty() ? incident.now : incident.allocated;
}

std::string thread_text(const Trace& trace) {
  if (trace.thread == 0)
    return trace.tid == 0 ? "an unknown thread" : fmt::format("thread (tid {})", trace.tid);
  std::string name = shown(trace.thread_name);
  if (!name.empty()) name = fmt::format(" '{}'", name);
  const std::string tag = trace.tag.empty() ? "" : fmt::format(" with tag '{}'", shown(trace.tag));
  return fmt::format("thread T{}{} (tid {}){}", trace.thread, name, trace.tid, tag);
}

std::string duration_text(std::uint64_t ns) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const auto number = static_cast<double>(ns);
  if (ns < 1'000) return fmt::format("{} ns", ns);
  if (ns < 1'000'000) return fmt::format("{:.0f} us", number / 1e3);
  if (ns < kSecond) return fmt::format("{:.1f} ms", number / 1e6);
  if (ns < 100 * kSecond) return fmt::format("{:.1f} s", number / 1e9);
  const std::uint64_t minutes = ns / kSecond / 60;
  if (minutes < 60) return fmt::format("{} min {} s", minutes, ns / kSecond % 60);
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

}  // namespace weir
