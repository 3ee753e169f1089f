#include "tools/report/holders.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "tools/report/frame_text.hpp"
#include "tools/report/incident_words.hpp"
#include "tools/report/report_line.hpp"
#include "tools/report/shown.hpp"

namespace weir {

namespace {

constexpr std::size_t kDefaultHolders = 10;

std::vector<const Frame*> frames_of(std::span<const FrameToken> tokens, Symboliser& symboliser) {
  std::vector<const Frame*> frames;
  for (const FrameToken token : tokens) frames.push_back(&symboliser.frame(token));
  drop_own_frames(frames);
  return frames;
}

std::string first_line(const LimitReport& report) {
  const FindingsLimit& facts = report.facts;
  std::string line = fmt::format("limit '{}' exceeded: {} of {} byte(s)", report.limit,
                                 word_of(kHeapCallWords, facts.call), facts.request_bytes);
  constexpr std::string_view kNow[kLimitKinds] = {"live", "", "resident"};
  const std::string_view now = kNow[facts.kind];
  if (!now.empty()) line += fmt::format(" with {} byte(s) {}", facts.now_bytes, now);
  return line;
}

}  // namespace

LimitReport build_limit_report(const Findings& findings, Symboliser& symboliser) {
  LimitReport report;
  report.facts = findings.limit();
  report.limit = findings.limit_text();
  report.pid = findings.header().pid;
  report.context_size = findings.header().context_size;
  report.held = findings.header().totals[static_cast<unsigned>(LeakKind::kReachable)];
  const IncidentStack& now = report.facts.now;
  report.request = {
      frames_of(findings.frames_of(now), symboliser), now.flags, now.thread, now.tid, 0, now.thread_name};
  for (const FindingsGroup& group : findings.groups()) {
    report.holders.push_back({group.bytes, group.blocks, group.flags, findings.route_of(group),
                              findings.tag_of(group), frames_of(findings.frames_of(group), symboliser)});
  }
  std::ranges::stable_sort(report.holders, std::ranges::greater(), &Holder::bytes);
  return report;
}

std::string limit_report_text(const LimitReport& report, const Settings& settings, bool color) {
  std::string out;
  const auto add = [&out]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  };
  const auto paint = [color](std::string_view code) { return color ? code : std::string_view(); };
  const auto stack = [&](const std::vector<const Frame*>& frames, std::uint32_t flags) {
    append_stack(out, {frames, flags, report.context_size, settings.strip_path_prefix});
    out += '\n';
  };
  add("\n{}\n{}=={}=={}: weir: {}{}\n", kDoubleLine, paint("\x1b[1;31m"), report.pid,
      report.facts.aborts != 0 ? "ERROR" : "WARNING", first_line(report), paint("\x1b[0m"));
  add("{}in {}:{}\n", paint("\x1b[1;34m"), thread_text(report.request), paint("\x1b[0m"));
  stack(report.request.frames, report.request.flags);

  const std::size_t most = settings.max_leaks != 0 ? settings.max_leaks : kDefaultHolders;
  const std::size_t listed = std::min(most, report.holders.size());
  add("{} byte(s) in {} block(s) are held, allocated from {} place(s)", report.held.bytes, report.held.blocks,
      report.facts.stacks);
  if (listed < report.facts.stacks) add("; the {} that hold the most", listed);
  add("{}\n\n", listed != 0 ? ":" : "");
  for (std::size_t i = 0; i < listed; ++i) {
    const Holder& holder = report.holders[i];
    const std::string route = holder.route.empty() ? "" : fmt::format(" on route '{}'", holder.route);
    const std::string tag = holder.tag.empty() ? "" : fmt::format(" with tag '{}'", shown(holder.tag));
    add("{}{} byte(s) in {} block(s) allocated{}{} from:{}\n", paint("\x1b[1;34m"), holder.bytes,
        holder.blocks, route, tag, paint("\x1b[0m"));
    stack(holder.frames, holder.stack_flags);
  }
  if (settings.summary != "never") {
    add("SUMMARY: weir: limit '{}' exceeded", report.limit);
    const std::string place =
        report.holders.empty() ? "" : place_of(report.holders.front().frames, settings.strip_path_prefix);
    if (!place.empty()) add(", {} byte(s) are held by {}", report.holders.front().bytes, place);
    out += '\n';
  }
  return out;
}

}  // namespace weir
