#include "tools/oom/verdict.hpp"

#include <fmt/core.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>

#include "tools/findings/read_file.hpp"
#include "tools/json/json.hpp"

namespace weir {

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::vector<std::byte> bytes;
  std::string error;
  if (!read_path(path, bytes, error)) return {};
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t hex(const std::string& text) {
  const std::size_t from = text.starts_with("0x") ? 2 : 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + from, text.data() + text.size(), number, 16);
  return number;
}

LostBlocks read_leak(const JsonView& entry) {
  LostBlocks leak{entry["kind"].string(), entry["bytes"].number(), entry["blocks"].number(), {}};
  for (const JsonView& frame : entry["frames"].elements()) {
    if (frame.flag_or("inlined", false)) continue;  // the function that it was inlined into comes next
    const char* const place = frame.has("offset") ? "offset" : "address";
    leak.frames.push_back(
        {{frame.string_or("module", ""), frame.string_or("build_id", "")}, hex(frame.string_or(place, "0"))});
  }
  return leak;
}

// False when the text is no JSON, or not as report/json.cpp writes it: a line may be cut short with its run.
bool read_report(std::string_view text, std::vector<LostBlocks>& leaks) {
  try {
    const JsonDocument document(text);
    const JsonView report = document.root();
    if (!report.is_object() || !report.has("leaks")) return true;
    for (const JsonView& entry : report["leaks"].elements()) {
      if (entry["kind"].string() != "reachable") leaks.push_back(read_leak(entry));
    }
    return true;
  } catch (const JsonError&) {
    return false;
  }
}

// One object, or in mode=guard one a line.
void read_reports(std::string_view text, std::vector<LostBlocks>& leaks) {
  if (read_report(text, leaks)) return;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    read_report(text.substr(at, end - at), leaks);
    at = end + 1;
  }
}

// "==PID==ERROR: weir: KIND: …" that is no leak report.
std::string first_misuse(const std::string& log) {
  constexpr std::string_view kMark = "==ERROR: weir: ";
  for (std::size_t at = 0; (at = log.find(kMark, at)) != std::string::npos;) {
    at += kMark.size();
    std::string line = log.substr(at, log.find('\n', at) - at);
    if (line != "detected memory leaks") return line;
  }
  return {};
}

bool leaks_matter(const Reference& reference, int status) {
  if (reference.leaks == LeakRule::kSameStatus) return status == reference.status;
  return reference.leaks == LeakRule::kAll;
}

}  // namespace

std::string_view word_of(Verdict verdict) {
  static constexpr std::string_view kWords[kVerdicts] = {"crash",  "hang",    "misuse",     "leak",
                                                         "silent", "handled", "not reached"};
  return kWords[static_cast<unsigned>(verdict)];
}

std::string LostBlocks::key() const {
  std::string key = kind;
  for (const Place& place : frames) key += fmt::format(" {}+{:x}", place.module.path, place.offset);
  return key;
}

Evidence Evidence::read(const std::string& directory) {
  Evidence evidence;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::filesystem::path& path = entry.path();
    const std::string text = text_of(path);
    if (path.extension() == ".stacks") evidence.log.read(text);
    if (path.extension() == ".json") read_reports(text, evidence.leaks);
    if (path.extension() == ".log" && evidence.misuse.empty()) evidence.misuse = first_misuse(text);
  }
  return evidence;
}

std::set<std::string> Evidence::leak_keys() const {
  std::set<std::string> keys;
  for (const LostBlocks& leak : leaks) keys.insert(leak.key());
  return keys;
}

Outcome judge(const Reference& reference, const RunResult& result, Evidence&& evidence) {
  Outcome outcome;
  outcome.status = WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -1;
  outcome.log = std::move(evidence.log);
  outcome.misuse = std::move(evidence.misuse);
  outcome.signal = WIFSIGNALED(result.status) && !result.timed_out ? WTERMSIG(result.status) : 0;
  for (const LoggedCrash& crash : outcome.log.crashes) {  // the program's, or one of its children
    if (outcome.signal != 0 && crash.signal != outcome.signal) continue;
    if (!result.timed_out) outcome.signal = crash.signal;
    outcome.crash = crash.frames;
    break;
  }
  for (LostBlocks& leak : evidence.leaks) {
    if (!reference.known_leaks.contains(leak.key())) outcome.leaks.push_back(std::move(leak));
  }
  const bool same_end = WIFEXITED(result.status) && outcome.status == reference.status;
  if (outcome.log.failed.empty() && !result.timed_out && outcome.signal == 0) {
    outcome.verdict = Verdict::kNotReached;
  } else if (!outcome.misuse.empty()) {
    outcome.verdict = Verdict::kMisuse;
  } else if (result.timed_out) {
    outcome.verdict = Verdict::kHang;
  } else if (outcome.signal != 0 && !(outcome.signal == SIGABRT && reference.abort_is_handled)) {
    outcome.verdict = Verdict::kCrash;
  } else if (!outcome.leaks.empty() && leaks_matter(reference, outcome.status)) {
    outcome.verdict = Verdict::kLeak;
  } else if (same_end && reference.output_matters && !same_contents(reference.output, result.output)) {
    outcome.verdict = Verdict::kSilent;
  }
  return outcome;
}

}  // namespace weir
