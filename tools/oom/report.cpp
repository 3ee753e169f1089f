#include "tools/oom/report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "tools/json/json.hpp"
#include "tools/report/frame_text.hpp"

namespace weir {

namespace {

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

std::string end_of(const Outcome& outcome) {
  switch (outcome.verdict) {
    case Verdict::kCrash:
      return signal_name(outcome.signal);
    case Verdict::kHang:
      return "did not end in time";
    case Verdict::kMisuse:
      return outcome.misuse;
    case Verdict::kLeak: {
      std::uint64_t bytes = 0;
      std::uint64_t blocks = 0;
      for (const LostBlocks& leak : outcome.leaks) {
        bytes += leak.bytes;
        blocks += leak.blocks;
      }
      return fmt::format("{} byte(s) in {} block(s) lost", bytes, blocks);
    }
    case Verdict::kSilent:
      return fmt::format("status {} as in the good run, but another output", outcome.status);
    case Verdict::kHandled:
      return outcome.signal != 0 ? signal_name(outcome.signal) : fmt::format("status {}", outcome.status);
    case Verdict::kNotReached:
      break;
  }
  return "this request did not come";
}

std::string request_of(const LoggedStack& stack) {
  const std::string name = fmt::format("{}{}", stack.call.starts_with("new") ? "operator " : "", stack.call);
  return fmt::format("{} of {} byte(s)", name, stack.bytes);
}

// The crash's stack begins with what the kernel and libc put between: the handler's frame, raise, abort.
std::vector<const Frame*> crash_frames(const Outcome& outcome, FrameNames& names) {
  std::vector<const Frame*> frames = names.frames(outcome.log, outcome.crash);
  drop_own_frames(frames);
  const auto exact = std::ranges::find_if(outcome.crash, [](const LoggedFrame& each) { return each.exact; });
  const auto drop = static_cast<std::size_t>(exact - outcome.crash.begin());
  if (exact != outcome.crash.end() && frames.size() == outcome.crash.size()) {
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(drop));
  }
  return frames;
}

std::vector<const Frame*> leak_frames(const LostBlocks& leak, FrameNames& names) {
  std::vector<const Frame*> frames;
  frames.reserve(leak.frames.size());
  for (const LostBlocks::Place& place : leak.frames) {
    frames.push_back(&names.frame(place.module, place.offset));
  }
  drop_own_frames(frames);
  return frames;
}

class Writer {
 public:
  Writer(const OomReport& report, FrameNames& names) : report_(report), names_(names) {}

  std::string write() {
    for (unsigned verdict = 0; verdict < static_cast<unsigned>(Verdict::kHandled); ++verdict) {
      write_all(static_cast<Verdict>(verdict));
    }
    return std::move(out_);
  }

 private:
  const LoggedStack& stack_of(const FailedRun& run) const { return report_.stacks.stacks[run.stack]; }

  // Runs are alike that end in the same way at the same place, after the same call of an allocator.
  std::string likeness(const FailedRun& run) const {
    const LoggedStack& stack = stack_of(run);
    std::string key = fmt::format("{} ", run.outcome.signal);
    if (!stack.frames.empty()) key += fmt::format("{}+{:x}", stack.frames[0].module, stack.frames[0].offset);
    const auto in_program = std::ranges::find_if(
        run.outcome.crash, [&](const LoggedFrame& frame) { return frame.exact && frame.module != 0; });
    if (in_program != run.outcome.crash.end()) {
      key += fmt::format(" {}+{:x}", run.outcome.log.modules[in_program->module].path, in_program->offset);
    }
    for (const LostBlocks& leak : run.outcome.leaks) key.append(" ").append(leak.key());
    return key + run.outcome.misuse;
  }

  void write_all(Verdict verdict) {
    std::map<std::string, std::vector<const FailedRun*>> alike;
    std::vector<std::string> order;
    for (const FailedRun& run : report_.runs) {
      if (run.outcome.verdict != verdict) continue;
      std::string key = likeness(run);
      std::vector<const FailedRun*>& group = alike[key];
      if (group.empty()) order.push_back(std::move(key));
      group.push_back(&run);
    }
    for (const std::string& key : order) write_group(alike[key]);
  }

  void write_group(const std::vector<const FailedRun*>& group) {
    const FailedRun& run = *group.front();
    const LoggedStack& stack = stack_of(run);
    fmt::format_to(std::back_inserter(out_), "{}: {} when this {} failed (stack={}):\n",
                   word_of(run.outcome.verdict), end_of(run.outcome), request_of(stack), stack.hash);
    append(names_.frames(report_.stacks, stack.frames));
    if (run.outcome.verdict == Verdict::kCrash) {
      out_ += run.outcome.crash.empty() ? "  where it crashed is not known\n" : "  crashed in:\n";
      if (!run.outcome.crash.empty()) append(crash_frames(run.outcome, names_));
    }
    if (run.outcome.verdict == Verdict::kLeak) {
      for (const LostBlocks& leak : run.outcome.leaks) {
        fmt::format_to(std::back_inserter(out_), "  lost ({}): {} byte(s) in {} block(s), allocated in:\n",
                       leak.kind, leak.bytes, leak.blocks);
        append(leak_frames(leak, names_));
      }
    }
    if (group.size() > 1) {
      fmt::format_to(std::back_inserter(out_),
                     "  and {} more stack(s) through the same call:", group.size() - 1);
      for (std::size_t i = 1; i < group.size() && i <= kMostHashes; ++i)
        out_.append(" ").append(stack_of(*group[i]).hash);
      out_ += group.size() - 1 > kMostHashes ? " ...\n" : "\n";
    }
    out_ += '\n';
  }

  void append(const std::vector<const Frame*>& frames) {
    append_stack(out_, {frames, 0, 0, report_.strip_path_prefix});
  }

  static constexpr std::size_t kMostHashes = 8;
  const OomReport& report_;
  FrameNames& names_;
  std::string out_;
};

Json json_of(const std::vector<const Frame*>& frames) {
  Json all = Json::array();
  for (const Frame* frame : frames) {
    for (const SourceFrame& source : frame->sources) {
      Json each = Json::object();
      if (!source.function.empty()) each.set("function", source.function);
      if (!source.file.empty()) each.set("file", source.file);
      if (source.line != 0) each.set("line", source.line);
      if (!frame->module->path.empty()) each.set("module", frame->module->path);
      each.set("offset", fmt::format("0x{:x}", frame->offset));
      if (source.inlined) each.set("inlined", true);
      all.push(std::move(each));
    }
  }
  return all;
}

Json json_of(const FailedRun& run, const OomReport& report, FrameNames& names) {
  const LoggedStack& stack = report.stacks.stacks[run.stack];
  Json json = Json::object();
  json.set("stack", stack.hash)
      .set("verdict", word_of(run.outcome.verdict))
      .set("end", end_of(run.outcome))
      .set("call", stack.call)
      .set("bytes", stack.bytes)
      .set("requests", stack.requests)
      .set("frames", json_of(names.frames(report.stacks, stack.frames)));
  if (!run.outcome.crash.empty()) json.set("crash", json_of(crash_frames(run.outcome, names)));
  if (run.outcome.leaks.empty()) return json;
  Json leaks = Json::array();
  for (const LostBlocks& leak : run.outcome.leaks) {
    leaks.push(Json::object()
                   .set("kind", leak.kind)
                   .set("bytes", leak.bytes)
                   .set("blocks", leak.blocks)
                   .set("frames", json_of(leak_frames(leak, names))));
  }
  json.set("leaks", std::move(leaks));
  return json;
}

}  // namespace

std::array<std::size_t, kVerdicts> OomReport::counts() const {
  std::array<std::size_t, kVerdicts> counts{};
  for (const FailedRun& run : runs) ++counts[static_cast<unsigned>(run.outcome.verdict)];
  return counts;
}

bool OomReport::all_handled() const {
  return std::ranges::all_of(runs,
                             [](const FailedRun& run) { return run.outcome.verdict >= Verdict::kHandled; });
}

std::string oom_summary(const OomReport& report) {
  const auto counts = report.counts();
  const auto of = [&](Verdict verdict) { return counts[static_cast<unsigned>(verdict)]; };
  std::string line = fmt::format(
      "SUMMARY: weir oom: {} stack(s) failed once each: {} handled, {} crash(es), {} hang(s), {} leak(s)",
      report.runs.size(), of(Verdict::kHandled), of(Verdict::kCrash), of(Verdict::kHang), of(Verdict::kLeak));
  const auto add = [&](std::size_t count, std::string_view word) {
    if (count != 0) line += fmt::format(", {} {}", count, word);
  };
  add(of(Verdict::kMisuse), "misuse(s)");
  add(of(Verdict::kSilent), "silent");
  add(of(Verdict::kNotReached), "not reached");
  add(report.left_out, "not tried");
  return line;
}

std::string oom_text(const OomReport& report, FrameNames& names) {
  return Writer(report, names).write();
}

std::string oom_json(const OomReport& report, FrameNames& names) {
  const auto of_verdict = report.counts();
  Json counts = Json::object();
  for (unsigned i = 0; i < kVerdicts; ++i) counts.set(word_of(static_cast<Verdict>(i)), of_verdict[i]);
  counts.set("not tried", report.left_out);
  Json runs = Json::array();
  for (const FailedRun& run : report.runs) runs.push(json_of(run, report, names));
  return Json::object()
             .set("tool", "weir oom")
             .set("command", report.command)
             .set("counts", std::move(counts))
             .set("runs", std::move(runs))
             .lines() +
         "\n";
}

}  // namespace weir
