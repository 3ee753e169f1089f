#include "tools/report/text.hpp"

#include <fmt/core.h>

#include <iterator>

#include "tools/report/frame_text.hpp"
#include "tools/report/report_line.hpp"
#include "tools/report/shown.hpp"

namespace weir {

namespace {

constexpr std::string_view kLine = "-----------------------------------------------------";

class TextWriter {
 public:
  TextWriter(const LeakReport& report, const Settings& settings, bool color)
      : report_(report), settings_(settings), color_(color) {}

  std::string write() {
    if (report_.facts.obstacle != CheckObstacle::kNone) {
      line("=={}==WARNING: weir: no leak check: {}", report_.facts.pid,
           obstacle_words(report_.facts.obstacle));
      return std::move(out_);
    }
    const bool leaks = report_.lost_blocks() != 0;
    const bool asked = report_.facts.reason == CheckReason::kSignal;
    const bool summary = settings_.summary == "always" || (settings_.summary == "leaks" && (leaks || asked));
    if (leaks) {
      line("\n{}\n{}=={}==ERROR: weir: detected memory leaks{}\n", kDoubleLine, paint("\x1b[1;31m"),
           report_.facts.pid, paint("\x1b[0m"));
    }
    for (const Leak& leak : report_.leaks) write_leak(leak);
    write_omitted();
    write_suppressions(leaks || summary);
    if (leaks || summary) write_tags();
    if (summary && leaks) {
      write_totals("weir: totals: ");
      line("SUMMARY: weir: {} byte(s) leaked in {} allocation(s).", report_.lost_bytes(),
           report_.lost_blocks());
    } else if (summary) {
      write_totals("weir: no leaks: ");
    }
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    add(format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  std::string_view paint(std::string_view code) const { return color_ ? code : std::string_view(); }

  void write_leak(const Leak& leak) {
    static constexpr std::string_view kKinds[] = {"Direct leak of", "Indirect leak of", "Still reachable:"};
    const std::string route = leak.route.empty() ? "" : fmt::format(" on route '{}'", leak.route);
    const std::string tag = leak.tag.empty() ? "" : fmt::format(" with tag '{}'", shown(leak.tag));
    line("{}{} {} byte(s) in {} object(s) allocated{}{} from:{}", paint("\x1b[1;34m"),
         kKinds[static_cast<std::size_t>(leak.kind)], leak.bytes, leak.blocks, route, tag, paint("\x1b[0m"));
    append_stack(out_,
                 {leak.frames, leak.stack_flags, report_.facts.context_size, settings_.strip_path_prefix});
    out_ += '\n';
  }

  void write_omitted() {
    if (report_.more_leaks != 0) {
      line("Omitting {} more leak(s) (max_leaks={}).\n", report_.more_leaks, settings_.max_leaks);
    }
    if (report_.small_leaks != 0) {
      line("Omitting {} leak(s) of fewer than {} bytes (min_leak_bytes).\n", report_.small_leaks,
           settings_.min_leak_bytes);
    }
  }

  void write_tags() {
    if (report_.tags.empty()) return;
    line("Live by tag:\n   lost bytes  in blocks   reachable  in blocks  tag");
    for (const TagTotals& tag : report_.tags) {
      line("{:13} {:10} {:11} {:10}  {}", tag.of[0].bytes + tag.of[1].bytes,
           tag.of[0].blocks + tag.of[1].blocks, tag.of[2].bytes, tag.of[2].blocks, shown(tag.tag));
    }
    out_ += '\n';
  }

  // Programs without leaks stay silent about what was suppressed silently for everybody, and what a file that
  // is shared by many programs did not match in this one.
  void write_suppressions(bool whole) {
    if (!settings_.print_suppressions) return;
    std::string used;
    for (const SuppressionUse& use : report_.used) {
      if (use.builtin && !whole) continue;
      fmt::format_to(std::back_inserter(used), "{:7} {:10} {}{}\n", use.count, use.bytes, use.pattern,
                     use.builtin ? " (built in)" : "");
    }
    const bool unused = whole && !report_.unused.empty();
    if (used.empty() && !unused) return;
    line("{}", kLine);
    if (!used.empty()) add("Suppressions used:\n  count      bytes template\n{}", used);
    if (unused) {
      line("Suppressions not used:");
      for (const std::string& pattern : report_.unused) line("  {}", pattern);
    }
    line("{}\n", kLine);
  }

  void write_totals(std::string_view begin) {
    const FindingsHeader& facts = report_.facts;
    const LeakTotals& reachable = facts.totals[static_cast<std::size_t>(LeakKind::kReachable)];
    add("{}direct {} byte(s) in {} block(s), indirect {} in {}, still reachable {} in {}", begin,
        report_.lost[0].bytes, report_.lost[0].blocks, report_.lost[1].bytes, report_.lost[1].blocks,
        reachable.bytes, reachable.blocks);
    if (report_.suppressed.blocks != 0) {
      add(", suppressed {} in {}", report_.suppressed.bytes, report_.suppressed.blocks);
    }
    add("; peak {}", facts.peak_bytes);
    if (facts.peak_error_bytes != 0) add(" (±{})", facts.peak_error_bytes);
    line("; {} allocation(s), {} free(s)", facts.allocations, facts.frees);
    write_unusual();
  }

  void write_unusual() {
    const FindingsHeader& facts = report_.facts;
    const auto note = [&](std::uint64_t number, std::string_view meaning) {
      if (number != 0) line("weir: {} {}", number, meaning);
    };
    note(facts.foreign_frees, "block(s) of another allocator were freed, and handed on to it");
    note(facts.bad_frees, "free(s) of what is no live block");
    note(facts.untracked_stacks, "allocation(s) without a stack of their own (option stack_memory)");
    note(
        facts.uncleared_frees,
        "large freed block(s) kept their contents: old pointers in memory that was used again may hide leaks "
        "(option clear_freed)");
    note(facts.silent_threads,
         "thread(s) did not stand still in time, their whole stacks were searched "
         "(option freeze_timeout_ms)");
    if (facts.reason == CheckReason::kSignal) {
      line("weir: the program stood still for {:.3f} ms ({} thread(s))",
           static_cast<double>(facts.pause_ns) / 1e6, facts.threads);
    }
  }

  const LeakReport& report_;
  const Settings& settings_;
  bool color_;
  std::string out_;
};

}  // namespace

std::string report_text(const LeakReport& report, const Settings& settings, bool color) {
  return TextWriter(report, settings, color).write();
}

}  // namespace weir
