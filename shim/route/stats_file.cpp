// The statistics of routes for programs to read: JSON, or the text format of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/program_name.hpp"
#include "shim/route/route_report.hpp"
#include "shim/route/stats_clock.hpp"

namespace weir {
namespace {

// JSON's own text: what is not plain is escaped.
void put_string(Line& line, std::string_view s) noexcept {
  constexpr std::string_view kHex = "0123456789abcdef";
  line.text("\"");
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line.text("\\").text({&c, 1});
    } else if (byte < 0x20) {
      line.text("\\u00").text(kHex.substr(byte >> 4, 1)).text(kHex.substr(byte & 15, 1));
    } else {
      line.text({&c, 1});
    }
  }
  line.text("\"");
}

void put_member(Line& line, std::string_view name, std::uint64_t value) noexcept {
  line.text(", \"").text(name).text("\": ").number(value);
}

// With three digits behind the point.
void put_seconds(Line& line, std::uint64_t ns) noexcept {
  const std::uint64_t ms = ns / 1'000'000;
  line.number(ms / 1000).text(".");
  for (std::uint64_t digit = 100; digit != 0; digit /= 10) line.number(ms / digit % 10);
}

void put_rate(Line& line, std::string_view name, std::uint64_t count) noexcept {
  const std::uint64_t ms = stats_clock::elapsed_ns() / 1'000'000;
  put_member(line, name, ms != 0 ? count * 1000 / ms : 0);
}

void print_json(int fd, const RouteReport* reports, unsigned count) noexcept {
  Line line;
  line.text("{\"weir_routes\": 1, \"pid\": ").number(static_cast<std::uint64_t>(sys::getpid()));
  line.text(", \"program\": ");
  put_string(line, program_name());
  line.text(", \"seconds\": ");
  put_seconds(line, stats_clock::elapsed_ns());
  line.text(", \"routes\": [").say_to(fd);
  for (unsigned i = 0; i < count; ++i) {
    const RouteReport& r = reports[i];
    const RouteCounts& c = r.counts;
    line.text("{\"name\": ");
    put_string(line, r.name);
    line.text(", \"target\": ");
    put_string(line, r.target);
    line.text(", \"rule\": ");
    put_string(line, r.text.substr(0, 300));
    line.say_to(fd);  // a line holds so much
    put_member(line, "allocations", c.allocations);
    put_member(line, "frees", c.frees);
    put_member(line, "requested_bytes", c.requested_bytes);
    put_member(line, "granted_bytes", c.granted_bytes);
    put_member(line, "live_bytes", static_cast<std::uint64_t>(c.live_bytes < 0 ? 0 : c.live_bytes));
    put_member(line, "peak_bytes", static_cast<std::uint64_t>(c.peak_bytes));
    put_member(line, "fallbacks", c.fallbacks);
    put_member(line, "failures", c.failures);
    put_rate(line, "allocations_per_second", c.allocations);
    put_rate(line, "bytes_per_second", c.requested_bytes);
    put_member(line, "page_bytes", r.page_bytes);
    put_member(line, "peak_page_bytes", r.peak_page_bytes);
    put_member(line, "chunks", r.chunks);
    put_member(line, "high_water_bytes", r.high_water);
    put_member(line, "capacity", r.capacity);
    line.text(i + 1 == count ? "}" : "},").say_to(fd);
  }
  line.text("]}").say_to(fd);
}

struct Metric {
  std::string_view name, type, help;
  std::uint64_t (*value)(const RouteReport&);
};

std::uint64_t not_negative(std::int64_t n) noexcept {
  return n > 0 ? static_cast<std::uint64_t>(n) : 0;
}

constexpr Metric kMetrics[] = {
    {"allocations_total", "counter", "Allocations.",
     [](const RouteReport& r) { return r.counts.allocations; }},
    {"frees_total", "counter", "Frees.", [](const RouteReport& r) { return r.counts.frees; }},
    {"requested_bytes_total", "counter", "Bytes that allocations asked for.",
     [](const RouteReport& r) { return r.counts.requested_bytes; }},
    {"granted_bytes_total", "counter", "The same with rounding.",
     [](const RouteReport& r) { return r.counts.granted_bytes; }},
    {"fallbacks_total", "counter", "Allocations that the parent allocator made instead.",
     [](const RouteReport& r) { return r.counts.fallbacks; }},
    {"failures_total", "counter", "Allocations that failed.",
     [](const RouteReport& r) { return r.counts.failures; }},
    {"live_bytes", "gauge", "Bytes of live blocks.",
     [](const RouteReport& r) { return not_negative(r.counts.live_bytes); }},
    {"peak_live_bytes", "gauge", "The most bytes of live blocks so far.",
     [](const RouteReport& r) { return not_negative(r.counts.peak_bytes); }},
    {"page_bytes", "gauge", "Bytes that the route holds.", [](const RouteReport& r) { return r.page_bytes; }},
    {"peak_page_bytes", "gauge", "The most bytes that the route held so far.",
     [](const RouteReport& r) { return r.peak_page_bytes; }},
};

// A label's value: the backslash, the quote and the newline are escaped, and there is no other escape.
void put_label(Line& line, std::string_view name, std::string_view value) noexcept {
  line.text(name).text("=\"");
  for (const char c : value) {
    if (c == '\n') {
      line.text("\\n");
    } else {
      if (c == '"' || c == '\\') line.text("\\");
      line.text({&c, 1});
    }
  }
  line.text("\"");
}

void print_prometheus(int fd, const RouteReport* reports, unsigned count) noexcept {
  for (const Metric& metric : kMetrics) {
    Line().text("# HELP weir_").text(metric.name).text(" ").text(metric.help).say_to(fd);
    Line().text("# TYPE weir_").text(metric.name).text(" ").text(metric.type).say_to(fd);
    for (unsigned i = 0; i < count; ++i) {
      Line line;
      line.text("weir_").text(metric.name).text("{");
      put_label(line, "program", program_name());
      put_label(line.text(","), "pid", Line().number(static_cast<std::uint64_t>(sys::getpid())).view());
      put_label(line.text(","), "route", reports[i].name);
      line.text("} ").number(metric.value(reports[i])).say_to(fd);
    }
  }
}

bool is_for_prometheus() noexcept {
  return std::string_view(options.stats_path).ends_with(".prom");
}

// What is not there yet, or a file of its own name: what may be put in its place.
bool may_be_replaced(const char* path) noexcept {
  struct stat is {};
  if (sys::call(SYS_newfstatat, AT_FDCWD, sys::as_word(path), sys::as_word(&is), AT_SYMLINK_NOFOLLOW) != 0)
    return true;
  return S_ISREG(is.st_mode) && is.st_nlink == 1;
}

}  // namespace

bool write_stats(const RouteReport* reports, unsigned count) noexcept {
  if (options.stats_path[0] == '\0') return true;
  const auto print = is_for_prometheus() ? print_prometheus : print_json;
  const std::string_view path(options.stats_path);
  char name[kOutputRoom];
  char beside[kOutputRoom];
  constexpr std::string_view kBeside = ".new";
  expand_output(path, name, sizeof name - kBeside.size());
  const std::size_t bytes = std::strlen(name);
  std::memcpy(beside, name, bytes);
  kBeside.copy(beside + bytes, kBeside.size());
  beside[bytes + kBeside.size()] = '\0';
  // At exit alone it is written in its place, and keeps its owner, its mode and whoever has it open.
  const bool anew = options.stats_every != 0 && path != "stderr" && path != "stdout" && may_be_replaced(name);
  if (anew) {
    const int fd = sys::open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0) {
      print(fd, reports, count);
      sys::close(fd);
      if (sys::call(SYS_rename, sys::as_word(beside), sys::as_word(name)) == 0) return true;
      sys::call(SYS_unlink, sys::as_word(beside));
    }
  }
  bool opened;
  const int fd = open_output(options.stats_path, "stats_path", true, &opened);
  print(fd, reports, count);
  if (opened) sys::close(fd);
  return opened || path == "stderr" || path == "stdout";
}

}  // namespace weir
