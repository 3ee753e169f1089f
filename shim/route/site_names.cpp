#include "shim/route/site_names.hpp"

#include <atomic>
#include <cstring>
#include <string_view>

#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/program_name.hpp"
#include "shim/life/start_tool.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {
namespace {

constinit GrowingTable<char> request;            // used anew for each
constinit GrowingTable<SiteRange> known_ranges;  // never shrinks: one range of addresses each
constinit std::uint64_t answers_used = 0;

// The request's sections, one behind the other; false when there is no memory.
class RequestWriter {
 public:
  bool append(const void* bytes, std::size_t count) noexcept {
    if (!request.ensure(used_ + count)) return false;
    std::memcpy(request.data() + used_, bytes, count);
    used_ += count;
    return true;
  }
  bool text(std::string_view text, std::uint64_t& offset) noexcept {
    offset = used_ - text_;
    return append(text.data(), text.size());
  }

  // Room for the structs, whose texts come behind them.
  bool begin(unsigned modules, unsigned patterns) noexcept {
    modules_ = sizeof(SitesHeader);
    patterns_ = modules_ + modules * sizeof(SitesModule);
    used_ = text_ = patterns_ + patterns * sizeof(SitesPattern);
    return request.ensure(used_);
  }
  SitesHeader& header() noexcept { return *at<SitesHeader>(0); }
  SitesModule& module(unsigned i) noexcept { return at<SitesModule>(modules_)[i]; }
  SitesPattern& pattern(unsigned i) noexcept { return at<SitesPattern>(patterns_)[i]; }

  void finish(unsigned modules, unsigned patterns) noexcept {
    SitesHeader& h = header();
    h = {};
    std::memcpy(h.magic, kSitesMagic, sizeof h.magic);
    h.version = kSitesVersion;
    h.pid = static_cast<std::uint32_t>(sys::getpid());
    h.modules = {modules_, modules};
    h.patterns = {patterns_, patterns};
    h.text = {text_, used_ - text_};
  }
  std::size_t bytes() const noexcept { return used_; }

 private:
  template <typename T>
  T* at(std::size_t offset) noexcept {
    return reinterpret_cast<T*>(request.data() + offset);
  }

  std::size_t modules_ = 0, patterns_ = 0, text_ = 0, used_ = 0;
};

bool put_module(RequestWriter& to, unsigned i, const SiteQuestion& question) noexcept {
  const Module& m = modules[question.module];
  const std::string_view path = path_of_module(question.module);
  std::uint64_t path_offset = 0;
  if (!to.text(path, path_offset)) return false;
  SitesModule& o = to.module(i);
  o = {};
  o.start = m.start;
  o.end = m.end;
  o.bias = m.bias;
  o.path_offset = path_offset;
  o.path_bytes = static_cast<std::uint32_t>(path.size());
  o.rules = question.rules;
  o.build_id_bytes = m.build_id_bytes;
  std::memcpy(o.build_id, m.build_id, sizeof o.build_id);
  return true;
}

bool put_pattern(RequestWriter& to, unsigned i, const RouteConditions& when, unsigned rule) noexcept {
  std::uint64_t caller = 0;
  std::uint64_t source = 0;
  if (!to.text(when.caller, caller) || !to.text(when.source, source)) return false;
  to.pattern(i) = {caller,
                   source,
                   static_cast<std::uint32_t>(when.caller.size()),
                   static_cast<std::uint32_t>(when.source.size()),
                   rule,
                   0};
  return true;
}

bool write_request(RequestWriter& to, const RouteRules& rules, const SiteQuestion* questions,
                   unsigned count) noexcept {
  RuleMask wanted = 0;
  for (unsigned i = 0; i < count; ++i) wanted |= questions[i].rules;
  const auto patterns = static_cast<unsigned>(__builtin_popcount(wanted));
  if (!to.begin(count, patterns)) return false;
  for (unsigned i = 0; i < count; ++i) {
    if (!put_module(to, i, questions[i])) return false;
  }
  unsigned used = 0;
  for (unsigned rule = 0; rule < rules.count; ++rule) {
    if ((wanted >> rule & 1) == 0) continue;
    if (!put_pattern(to, used++, rules.rule[rule].when, rule)) return false;
  }
  to.finish(count, patterns);
  return true;
}

bool read_all(int fd, void* to, std::uint64_t bytes, std::uint64_t from) noexcept {
  auto* p = static_cast<char*>(to);
  while (bytes != 0) {
    const long n = sys::pread(fd, p, bytes, from);
    if (n <= 0) return false;
    p += n;
    from += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::uint64_t>(n);
  }
  return true;
}

const char* read_answer(int fd, SiteQuestion* questions, unsigned count) noexcept {
  constexpr const char* kWrong = "the weir tool's answer is damaged";
  const std::uint64_t bytes = sizeof(SitesHeader) + count * sizeof(SitesModule);
  if (!read_all(fd, request.data(), bytes, 0)) return kWrong;
  const auto& header = *reinterpret_cast<const SitesHeader*>(request.data());
  const auto* answered = reinterpret_cast<const SitesModule*>(request.data() + sizeof header);
  const std::uint64_t ranges = header.ranges.count;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 28;
  if (ranges > kMost || answers_used + ranges > kMost) return "there are too many functions";
  if (!known_ranges.ensure(answers_used + ranges)) return "there is no memory";
  SiteRange* to = known_ranges.data() + answers_used;
  if (!read_all(fd, to, ranges * sizeof(SiteRange), header.ranges.offset)) return kWrong;
  for (unsigned i = 0; i < count; ++i) {
    if (answered[i].first > ranges || answered[i].count > ranges - answered[i].first) return kWrong;
    questions[i].ranges = to + answered[i].first;
    questions[i].count = answered[i].count;
  }
  answers_used += ranges;
  return nullptr;
}

}  // namespace

std::string_view path_of_module(unsigned number) noexcept {
  const Module& m = modules[number];
  if (m.path_bytes != 0) return {m.path, m.path_bytes};
  return program_file();
}

const char* ask_for_sites(const RouteRules& rules, SiteQuestion* questions, unsigned count) noexcept {
  if (!has_tool()) return "the weir tool was not found (option tool=PATH)";
  RequestWriter writer;
  if (!write_request(writer, rules, questions, count)) return "there is no memory";
  const int fd = make_memory_file("weir-sites");
  if (fd < 0) return "no memory file can be made";
  sys::write_all(fd, request.data(), writer.bytes());
  const int status = start_tool("route-sites", fd);
  const char* why = nullptr;
  if (status == 0) {
    why = read_answer(fd, questions, count);
  } else {
    why = status < 0 ? "the weir tool cannot be started" : "the weir tool failed";
  }
  sys::close(fd);
  return why;
}

}  // namespace weir
