#include "tools/report/leaks.hpp"

#include <algorithm>
#include <tuple>

namespace weir {

namespace {

void add(LeakTotals& to, const FindingsGroup& group) {
  to.bytes += group.bytes;
  to.blocks += group.blocks;
}

// Largest first; then by stack, so that the same findings always give the same report.
std::vector<const FindingsGroup*> in_order(const Findings& findings, LeakKind kind) {
  std::vector<const FindingsGroup*> groups;
  for (const FindingsGroup& group : findings.groups()) {
    if (group.kind == kind && group.blocks != 0) groups.push_back(&group);
  }
  std::ranges::stable_sort(groups, [](const FindingsGroup* a, const FindingsGroup* b) {
    return std::tuple(b->bytes, b->blocks, a->stack_id) < std::tuple(a->bytes, a->blocks, b->stack_id);
  });
  return groups;
}

Leak to_leak(const FindingsGroup& group, std::vector<const Frame*> frames) {
  return {group.kind, group.bytes, group.blocks, group.flags, std::move(frames)};
}

}  // namespace

LeakReport build_report(const Findings& findings, const Settings& settings, Symboliser& symboliser,
                        SuppressionMatcher& suppressions) {
  LeakReport report;
  report.facts = findings.header();
  report.command = findings.command();
  std::vector<LeakKind> kinds = {LeakKind::kDirect, LeakKind::kIndirect};
  if (settings.show_reachable) kinds.push_back(LeakKind::kReachable);
  std::uint64_t printed = 0;
  for (const LeakKind kind : kinds) {
    if (kind == LeakKind::kReachable) printed = 0;  // max_leaks leaks, and as many of what is none
    const std::vector<const FindingsGroup*> groups = in_order(findings, kind);
    // Blocks that only a suppressed block points to are its part. The findings don't tell which block points
    // to which; but when every direct leak is suppressed, all indirect ones hang on suppressed blocks.
    const bool hang_on_suppressed =
        kind == LeakKind::kIndirect && report.lost[0].blocks == 0 && report.suppressed.blocks != 0;
    for (const FindingsGroup* group : groups) {
      std::vector<const Frame*> frames;
      for (const FrameToken token : findings.frames_of(*group)) frames.push_back(&symboliser.frame(token));
      const bool lost = kind != LeakKind::kReachable;
      if (suppressions.suppresses(frames, group->blocks, group->bytes) || hang_on_suppressed) {
        if (lost) add(report.suppressed, *group);
        continue;
      }
      if (lost) add(report.lost[static_cast<std::size_t>(kind)], *group);
      if (group->bytes < settings.min_leak_bytes) {
        ++report.small_leaks;
      } else if (settings.max_leaks != 0 && printed >= settings.max_leaks) {
        ++report.more_leaks;
      } else {
        ++printed;
        report.leaks.push_back(to_leak(*group, std::move(frames)));
      }
    }
  }
  report.used = suppressions.used();
  report.unused = suppressions.unused();
  return report;
}

}  // namespace weir
