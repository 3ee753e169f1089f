#include "tools/report/incident_text.hpp"

#include <fmt/core.h>

#include <iterator>

#include "tools/report/frame_text.hpp"
#include "tools/report/hex_dump.hpp"
#include "tools/report/incident_words.hpp"
#include "tools/report/report_line.hpp"

namespace weir {

namespace {

class IncidentWriter {
 public:
  IncidentWriter(const Incident& incident, const IncidentStyle& style)
      : incident_(incident), facts_(incident.facts), style_(style) {}

  std::string write() {
    add("\n{}\n{}=={}==ERROR: weir: {}{}\n", kDoubleLine, paint("\x1b[1;31m"), incident_.pid,
        incident_line(incident_), paint("\x1b[0m"));
    if (!style_.note.empty()) add("{}\n", style_.note);
    if (!incident_.now.is_empty()) stack(incident_.now, fmt::format("in {}", thread_text(incident_.now)));
    if (facts_.block_is_freed != 0 && !incident_.freed.is_empty()) {
      stack(incident_.freed, fmt::format("freed by {}", how_freed(incident_.freed)));
    }
    if (!incident_.allocated.is_empty()) {
      stack(incident_.allocated, fmt::format("allocated by {}", how_made(incident_.allocated)));
    }
    if (facts_.neighbour_address != 0) write_neighbour();
    write_dump();
    if (style_.summary) add("SUMMARY: weir: {}\n", incident_summary(incident_, style_.strip_path_prefix));
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  std::string_view paint(std::string_view code) const { return style_.color ? code : std::string_view(); }

  void heading(std::string_view text) { add("{}{}:{}\n", paint("\x1b[1;34m"), text, paint("\x1b[0m")); }

  void stack(const Trace& trace, std::string_view title) {
    heading(title);
    append_stack(out_, {trace.frames, trace.flags, incident_.context_size, style_.strip_path_prefix});
    out_ += '\n';
  }

  static std::string who_and_when(const Trace& trace) {
    std::string text = thread_text(trace);
    if (trace.age_ns != 0) text += fmt::format(", {} before", duration_text(trace.age_ns));
    return text;
  }

  std::string how_freed(const Trace& trace) const {
    std::string text = who_and_when(trace);
    if (facts_.freed_by == IncidentCall::kNone) return text;
    return text + fmt::format(", by {}", word_of(kHeapCallWords, facts_.freed_by));
  }

  std::string how_made(const Trace& trace) const {
    std::string text = who_and_when(trace);
    if (facts_.generation != 0) text += fmt::format(", {} fork(s) ago", facts_.generation);
    if (facts_.made_by != IncidentCall::kNone) {
      text += fmt::format(", by {}", word_of(kHeapCallWords, facts_.made_by));
    }
    if (!incident_.route.empty()) text += fmt::format(", on route '{}'", incident_.route);
    return text;
  }

  void write_neighbour() {
    const bool is_far = facts_.occasion == IncidentOccasion::kAccess;
    const std::string block = fmt::format(
        "the block {}, {} byte(s) at 0x{:x}, is {}",
        facts_.neighbour_address < facts_.block_address ? "in front" : "behind", facts_.neighbour_bytes,
        facts_.neighbour_address, is_far ? "the next nearest" : "damaged behind its end too");
    if (incident_.neighbour.is_empty()) {
      add("{}\n\n", block);
    } else {
      stack(incident_.neighbour,
            fmt::format("{}; it was allocated by {}", block, who_and_when(incident_.neighbour)));
    }
  }

  void write_dump() {
    if (facts_.block_address != 0) {
      add("the {}block: {} byte(s) at 0x{:x}", facts_.block_is_freed != 0 ? "freed " : "", facts_.block_bytes,
          facts_.block_address);
      if (facts_.block_alignment > 16) add(", aligned to {}", facts_.block_alignment);
      if (facts_.damage_bytes > facts_.damaged_count) {
        add("; {} of the {} byte(s) from offset {} on differ", facts_.damaged_count, facts_.damage_bytes,
            facts_.damage_offset);
      }
      out_ += '\n';
    }
    if (!incident_.dump.empty()) {
      append_hex_dump(
          out_,
          {facts_.dump_address, incident_.dump, incident_.marks, facts_.block_address, facts_.block_bytes},
          style_.color);
    }
    if (facts_.block_address != 0 || !incident_.dump.empty()) out_ += '\n';
  }

  const Incident& incident_;
  const FindingsIncident& facts_;
  const IncidentStyle& style_;
  std::string out_;
};

}  // namespace

std::string incident_text(const Incident& incident, const IncidentStyle& style) {
  return IncidentWriter(incident, style).write();
}

std::string incident_summary(const Incident& incident, std::string_view strip_path_prefix) {
  const std::string place = place_of(telling_trace(incident).frames, strip_path_prefix);
  return place.empty() ? std::string(kind_word(incident))
                       : fmt::format("{} in {}", kind_word(incident), place);
}

}  // namespace weir
