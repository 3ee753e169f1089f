#include "shim/guard/incident.hpp"
#include "shim/guard/crash.hpp"

#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/abi/incident_words.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/word_map.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/report_stack.hpp"
#include "shim/leak/findings_file.hpp"
#include "shim/leak/reporter.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/process.hpp"
#include "shim/life/start_tool.hpp"
#include "shim/life/thread_names.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {
namespace {

// The thread that reports; 0 when none does.
constinit std::atomic<pid_t> reporting{0};
constinit std::atomic<std::uint64_t> incidents_seen{0};
constinit std::atomic<std::uint64_t> reported{0};
constinit WordMap known;  // what tells incidents apart -> how often; only by the thread that reports

// False when this thread is reporting already: what went wrong lies in the report itself.
bool begin_report() noexcept {
  const pid_t self = sys::gettid();
  for (;;) {
    pid_t nobody = 0;
    if (reporting.compare_exchange_strong(nobody, self, std::memory_order_acquire)) return true;
    if (nobody == self) return false;
    sys::call(SYS_sched_yield);
  }
}

std::uint64_t fingerprint(const Incident& i) noexcept {
  std::uint64_t x = static_cast<std::uint64_t>(i.facts.kind) + 1;
  const auto mix = [&](std::uint64_t word) {
    x = (x ^ word) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
  };
  mix(static_cast<std::uint64_t>(i.facts.call));
  mix(i.now);
  mix(i.allocated.stack);
  mix(i.freed.stack);
  // Without stacks places can't be told apart by them.
  if (i.now + i.allocated.stack + i.freed.stack == 0) mix(i.facts.address);
  return x | 1;
}

void describe_thread(IncidentStack& to, std::uint32_t number) noexcept {
  const ThreadIdentity who = thread_identity(number);
  to.thread = number;
  to.tid = static_cast<std::uint32_t>(who.tid);
  std::memcpy(to.thread_name, who.name, sizeof to.thread_name);
  to.thread_name[sizeof to.thread_name - 1] = '\0';
}

void write_origin(FindingsFile& file, FindingsHeader& header, IncidentStack& to,
                  const IncidentOrigin& from) noexcept {
  if (!from.known) return;
  const WrittenStack stack = write_stack(file, header, from.stack);
  to.first_frame = stack.first_frame;
  to.frame_count = stack.frame_count;
  to.flags = stack.flags;
  to.tag = stack.tag;
  describe_thread(to, from.when.thread);
  if (from.when.ticks != 0) to.age_ns = nanoseconds_since(from.when.ticks);
}

bool is_by_call(IncidentOccasion occasion) noexcept {
  return occasion == IncidentOccasion::kCall || occasion == IncidentOccasion::kFree ||
         occasion == IncidentOccasion::kRealloc || occasion == IncidentOccasion::kAccess ||
         occasion == IncidentOccasion::kCrash;
}

FindingsHeader begin_header() noexcept {
  FindingsHeader h{};
  std::memcpy(h.magic, kFindingsMagic, sizeof h.magic);
  h.version = kFindingsVersion;
  h.header_bytes = sizeof h;
  h.pid = static_cast<std::uint32_t>(sys::getpid());
  h.reason = CheckReason::kIncident;
  h.context_size = static_cast<std::uint32_t>(options.malloc_context_size);
  return h;
}

// nullptr when there is no memory.
const FindingsHeader* write_file(const Incident& i) noexcept {
  constexpr std::uint64_t kStacks = 4;
  FindingsFile file(sizeof(FindingsHeader) + sizeof(FindingsIncident) +
                    std::uint64_t{2} * Incident::kMostDump +
                    kStacks * options.malloc_context_size * sizeof(FrameToken) + room_for_common_sections());
  if (!file.ok()) return nullptr;
  FindingsHeader header = begin_header();
  file.take(sizeof header);
  write_common_sections(file, header);
  header.incidents = {file.take(sizeof(FindingsIncident)), 1};
  header.dumps = {file.take(std::uint64_t{2} * i.dump_bytes), std::uint64_t{2} * i.dump_bytes};
  header.frames.offset = file.take(0);
  FindingsIncident facts = i.facts;
  // A check that comes upon something says nothing about who did it.
  IncidentOrigin now{i.now, {}, i.now != 0 || is_by_call(facts.occasion)};
  if (const ThreadState* t = this_thread) now.when.thread = t->number;
  write_origin(file, header, facts.now, now);
  facts.now.age_ns = 0;
  write_origin(file, header, facts.allocated, i.allocated);
  write_origin(file, header, facts.freed, i.freed);
  write_origin(file, header, facts.neighbour, i.neighbour);
  facts.dump_address = i.dump_start;
  facts.dump_offset = 0;
  facts.dump_bytes = i.dump_bytes;
  std::memcpy(file.at(header.dumps.offset), i.dump, i.dump_bytes);
  std::memcpy(file.at(header.dumps.offset + i.dump_bytes), i.marks, i.dump_bytes);
  std::memcpy(file.at(header.incidents.offset), &facts, sizeof facts);
  file.take(header.frames.count * sizeof(FrameToken));
  header.file_bytes = file.end();
  std::memcpy(file.at(0), &header, sizeof header);
  return reinterpret_cast<const FindingsHeader*>(file.at(0));
}

// ---- without the tool

void print_stack(int fd, std::string_view title, const FindingsHeader& h, const IncidentStack& s) noexcept {
  if (s.frame_count == 0) return;
  Line().text(title).say_to(fd);
  const auto* frames =
      reinterpret_cast<const FrameToken*>(reinterpret_cast<const char*>(&h) + h.frames.offset);
  for (unsigned n = 0; n < s.frame_count; ++n) print_bare_frame(fd, n, frames[s.first_frame + n]);
}

void print_bare(const FindingsHeader& h) noexcept {
  const auto& i =
      *reinterpret_cast<const FindingsIncident*>(reinterpret_cast<const char*>(&h) + h.incidents.offset);
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  Line line;
  line.text("==").number(h.pid).text("==ERROR: weir: ").text(kKindWords[static_cast<unsigned>(i.kind)]);
  line.text(": address ").hex(i.address);
  if (i.block_address != 0) {
    line.text(", block of ").number(i.block_bytes).text(" byte(s) at ").hex(i.block_address);
    line.text(", first damaged byte at offset ").signed_number(i.damage_offset);
  }
  line.say_to(fd);
  say_why_bare(fd);
  print_stack(fd, "found in:", h, i.now);
  print_stack(fd, "freed by:", h, i.freed);
  print_stack(fd, "allocated by:", h, i.allocated);
  if (opened) sys::close(fd);
}

void print(const Incident& incident) noexcept {
  const FindingsHeader* header = write_file(incident);
  if (header == nullptr) {
    Line()
        .text("weir: ")
        .text(kKindWords[static_cast<unsigned>(incident.facts.kind)])
        .text(" at ")
        .hex(incident.facts.address)
        .text("; no memory left for the report")
        .say();
    return;
  }
  if (this_process() == 0) find_tool();  // before our constructor
  const int status = start_tool("incident-report", header, header->file_bytes);
  if (status == kReportNothing || status == kReportLeaks) return;
  print_bare(*header);
}

}  // namespace

void report_one_of_several(Incident& incident) noexcept {
  if (!begin_report()) return;
  const int saved = errno;
  incidents_seen.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t key = fingerprint(incident);
  const std::uint64_t before = known.find(key);
  known.insert(key, before + 1);
  if (before == 0) {
    reported.fetch_add(1, std::memory_order_relaxed);
    call_on_report_stack([](void* of) noexcept { print(*static_cast<const Incident*>(of)); }, &incident);
  }
  reporting.store(0, std::memory_order_release);
  errno = saved;
}

void count_unreported(std::uint64_t more) noexcept {
  incidents_seen.fetch_add(more, std::memory_order_relaxed);
}

void end_as_asked() noexcept {
  if (options.on_error == kOnErrorExit) sys::exit_group(static_cast<int>(options.exitcode));
  if (options.on_error != kOnErrorAbort) return;
  // The program's handler of SIGABRT may come by here again.
  static constinit std::atomic<bool> aborting{false};
  crash::stand_aside();
  if (aborting.exchange(true) && libc::next.signal != nullptr) libc::next.signal(SIGABRT, SIG_DFL);
  abort();
}

void report_incident(Incident& incident) noexcept {
  report_one_of_several(incident);
  end_as_asked();
}

void forget_reports_of_others() noexcept {
  reporting.store(0, std::memory_order_relaxed);
}

IncidentCounts incident_counts() noexcept {
  return {incidents_seen.load(std::memory_order_relaxed), reported.load(std::memory_order_relaxed)};
}

void say_incident_counts() noexcept {
  const IncidentCounts counts = incident_counts();
  if (counts.seen == 0) return;
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  Line()
      .text("SUMMARY: weir: ")
      .number(counts.seen)
      .text(" error(s), ")
      .number(counts.reported)
      .text(" reported")
      .say_to(fd);
  if (opened) sys::close(fd);
}

}  // namespace weir
