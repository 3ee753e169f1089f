#include "tools/report/leaks.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "tools/report/frame_text.hpp"

namespace weir {

namespace {

void add(LeakTotals& to, const FindingsGroup& group) {
  to.bytes += group.bytes;
  to.blocks += group.blocks;
}

// The groups of one kind, those of the same stack and route together; largest first, then by stack, so that
// the same findings always give the same report.
std::vector<FindingsGroup> in_order(const std::vector<const FindingsGroup*>& groups) {
  std::unordered_map<std::uint64_t, std::size_t> place_of;
  std::vector<FindingsGroup> merged;
  for (const FindingsGroup* group : groups) {
    const auto [place, is_new] =
        place_of.try_emplace(std::uint64_t{group->route} << 32 | group->stack_id, merged.size());
    if (is_new) {
      merged.push_back(*group);
    } else {
      merged[place->second].bytes += group->bytes;
      merged[place->second].blocks += group->blocks;
    }
  }
  std::ranges::stable_sort(merged, [](const FindingsGroup& a, const FindingsGroup& b) {
    return std::tuple(b.bytes, b.blocks, a.stack_id, a.route) <
           std::tuple(a.bytes, a.blocks, b.stack_id, b.route);
  });
  return merged;
}

Leak to_leak(const Findings& findings, const FindingsGroup& group, std::vector<const Frame*> frames) {
  return {group.kind,
          group.bytes,
          group.blocks,
          group.flags,
          findings.route_of(group),
          findings.tag_of(group),
          std::move(frames)};
}

std::vector<TagTotals> tag_totals(const Findings& findings) {
  std::vector<TagTotals> totals;
  const auto bytes = [](const TagTotals& of) { return of.of[0].bytes + of.of[1].bytes + of.of[2].bytes; };
  for (std::size_t i = 0; i * kLeakKinds < findings.tag_totals().size(); ++i) {
    TagTotals& tag = totals.emplace_back(TagTotals{findings.tags()[i], {}});
    std::ranges::copy(findings.tag_totals().subspan(i * kLeakKinds, kLeakKinds), tag.of);
  }
  std::erase_if(totals,
                [](const TagTotals& of) { return of.of[0].blocks + of.of[1].blocks + of.of[2].blocks == 0; });
  std::ranges::stable_sort(totals, std::ranges::greater(), bytes);
  return totals;
}

}  // namespace

LeakReport build_report(const Findings& findings, const Settings& settings, Symboliser& symboliser,
                        SuppressionMatcher& suppressions) {
  LeakReport report;
  report.facts = findings.header();
  report.command = findings.command();
  std::vector<LeakKind> kinds = {LeakKind::kDirect, LeakKind::kIndirect};
  if (settings.show_reachable) kinds.push_back(LeakKind::kReachable);
  std::unordered_set<std::uint32_t> suppressed_stacks;  // of direct leaks; what hangs on them goes with them
  std::uint64_t printed = 0;
  for (const LeakKind kind : kinds) {
    if (kind == LeakKind::kReachable) printed = 0;  // max_leaks leaks, and as many of what is none
    std::vector<const FindingsGroup*> groups;
    for (const FindingsGroup& group : findings.groups()) {
      if (group.kind != kind || group.blocks == 0) continue;
      if (kind == LeakKind::kIndirect && suppressed_stacks.contains(group.lost_through)) {
        add(report.suppressed, group);
      } else {
        groups.push_back(&group);
      }
    }
    for (const FindingsGroup& group : in_order(groups)) {
      std::vector<const Frame*> frames;
      for (const FrameToken token : findings.frames_of(group)) frames.push_back(&symboliser.frame(token));
      const bool lost = kind != LeakKind::kReachable;
      if (suppressions.suppresses(frames, group.blocks, group.bytes)) {
        if (lost) add(report.suppressed, group);
        if (kind == LeakKind::kDirect) suppressed_stacks.insert(group.stack_id);
        continue;
      }
      if (lost) add(report.lost[static_cast<std::size_t>(kind)], group);
      if (group.bytes < settings.min_leak_bytes) {
        ++report.small_leaks;
      } else if (settings.max_leaks != 0 && printed >= settings.max_leaks) {
        ++report.more_leaks;
      } else {
        ++printed;
        drop_own_frames(frames);
        report.leaks.push_back(to_leak(findings, group, std::move(frames)));
      }
    }
  }
  report.tags = tag_totals(findings);
  report.used = suppressions.used();
  report.unused = suppressions.unused();
  return report;
}

}  // namespace weir
