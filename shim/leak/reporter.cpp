#include "shim/leak/reporter.hpp"

#include <algorithm>
#include <string_view>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/process.hpp"
#include "shim/life/start_tool.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {

void print_bare_frame(int fd, unsigned number, FrameToken token) noexcept {
  const std::uint64_t address = token & kFrameAddressMask;
  const auto module = static_cast<unsigned>(token >> kFrameModuleShift);
  Line line;
  line.text("    #").number(number).text(" ").hex(address);
  if (module != 0) {
    const std::string_view path = path_of_module(module);
    line.text(" (").text(path.empty() ? "main program" : path);
    line.text("+").hex(address - modules[module].bias).text(")");
  }
  line.say_to(fd);
}

void say_not_checked(CheckObstacle why) noexcept {
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  Line line;
  line.text("==").number(static_cast<std::uint64_t>(this_process())).text("==WARNING: weir: no leak check: ");
  line.text(obstacle_words(why)).say_to(fd);
  if (opened) sys::close(fd);
}

void say_why_bare(int fd) noexcept {
  const char* const why = tool_obstacle();
  Line()
      .text("(")
      .text(why != nullptr ? why : "the tool could not be started, or died")
      .text("; so without names)")
      .say_to(fd);
}

namespace {

// What can be said without names: in a sandbox, or without the tool.
bool print_bare(const Findings& f) noexcept {
  const FindingsHeader& h = *f.header;
  const std::uint64_t bytes = h.totals[0].bytes + h.totals[1].bytes;
  const std::uint64_t blocks = h.totals[0].blocks + h.totals[1].blocks;
  if (blocks == 0) return false;
  auto* order = static_cast<const FindingsGroup**>(table_zone.map((h.groups.count + 1) * sizeof(void*)));
  if (order == nullptr) return true;
  for (std::uint64_t i = 0; i < h.groups.count; ++i) order[i] = &f.groups[i];
  std::sort(order, order + h.groups.count, [](const FindingsGroup* a, const FindingsGroup* b) {
    return a->kind != b->kind ? a->kind < b->kind : a->bytes > b->bytes;
  });
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  Line line;
  line.text("==").number(h.pid).text("==ERROR: weir: detected memory leaks").say_to(fd);
  say_why_bare(fd);
  const std::uint64_t most = options.max_leaks != 0 ? options.max_leaks : 100;
  for (std::uint64_t i = 0; i < h.groups.count && i < most; ++i) {
    const FindingsGroup& g = *order[i];
    if (g.kind == LeakKind::kReachable) break;
    line.say_to(fd);
    line.text(g.kind == LeakKind::kDirect ? "Direct" : "Indirect").text(" leak of ").number(g.bytes);
    line.text(" byte(s) in ").number(g.blocks).text(" object(s) allocated from:").say_to(fd);
    for (unsigned n = 0; n < g.frame_count; ++n) print_bare_frame(fd, n, f.frames[g.first_frame + n]);
  }
  line.text("SUMMARY: weir: ")
      .number(bytes)
      .text(" byte(s) leaked in ")
      .number(blocks)
      .text(" allocation(s).");
  line.say_to(fd);
  if (opened) sys::close(fd);
  return true;
}

}  // namespace

void prepare_reporter() noexcept {
  find_tool();
}

bool report_and_wait(const Findings& findings) noexcept {
  const int status = start_tool("leak-report", findings.header, findings.header->file_bytes);
  if (status == kReportNothing || status == kReportLeaks) return status == kReportLeaks;
  if (findings.header->obstacle != CheckObstacle::kNone) {
    say_not_checked(findings.header->obstacle);
    return false;
  }
  return print_bare(findings);
}

}  // namespace weir
