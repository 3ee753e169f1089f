#include "tools/findings/findings.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "tools/findings/check_incident.hpp"

namespace weir {

namespace {

// The section's elements; false when it does not lie in the file, aligned and behind the header.
template <typename T>
bool take_section(std::span<const std::byte> bytes, const FindingsSection& section, const char* name,
                  std::span<const T>& into, std::string& error) {
  if (section.count == 0) {
    into = {};
    return true;
  }
  if (section.offset < sizeof(FindingsHeader) || section.offset > bytes.size() ||
      section.offset % alignof(T) != 0 || section.count > (bytes.size() - section.offset) / sizeof(T)) {
    error = fmt::format("the section of {} does not lie in the file", name);
    return false;
  }
  into = {reinterpret_cast<const T*>(bytes.data() + section.offset), section.count};
  return true;
}

bool take_text(std::span<const std::byte> bytes, const FindingsSection& section, const char* name,
               std::string_view& into, std::string& error) {
  std::span<const char> chars;
  if (!take_section(bytes, section, name, chars, error)) return false;
  into = {chars.data(), chars.size()};
  return true;
}

std::vector<std::string> split_at_nuls(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

bool check_header(std::span<const std::byte> bytes, const FindingsHeader& header, std::string& error) {
  if (header.version != kFindingsVersion) {
    error = fmt::format("they have version {}, this weir reads {}", header.version, kFindingsVersion);
  } else if (header.header_bytes != sizeof(FindingsHeader)) {
    error =
        fmt::format("their header has {} bytes instead of {}", header.header_bytes, sizeof(FindingsHeader));
  } else if (header.file_bytes != bytes.size()) {
    error = fmt::format("they have {} bytes instead of {}", bytes.size(), header.file_bytes);
  } else if (static_cast<std::uint32_t>(header.reason) > static_cast<std::uint32_t>(CheckReason::kLimit)) {
    error = fmt::format("the reason {} is unknown", static_cast<std::uint32_t>(header.reason));
  } else if (static_cast<std::uint32_t>(header.obstacle) >= kObstacles) {
    error = fmt::format("the obstacle {} is unknown", static_cast<std::uint32_t>(header.obstacle));
  }
  return error.empty();
}

}  // namespace

bool Findings::open(std::span<const std::byte> bytes, std::string& error) {
  error.clear();
  if (bytes.size() < sizeof(FindingsHeader)) {
    error = fmt::format("they have {} bytes, less than a header", bytes.size());
    return false;
  }
  header_ = reinterpret_cast<const FindingsHeader*>(bytes.data());
  if (std::memcmp(header_->magic, kFindingsMagic, sizeof kFindingsMagic) != 0) {
    error = "they do not begin as findings do";
    return false;
  }
  if (!check_header(bytes, *header_, error)) return false;
  std::string_view command;
  std::string_view routes;
  std::string_view tags;
  if (!take_section(bytes, header_->modules, "modules", modules_, error) ||
      !take_section(bytes, header_->groups, "groups", groups_, error) ||
      !take_section(bytes, header_->frames, "frames", frames_, error) ||
      !take_text(bytes, header_->text, "text", text_, error) ||
      !take_text(bytes, header_->options, "options", options_, error) ||
      !take_text(bytes, header_->command, "command", command, error) ||
      !take_text(bytes, header_->routes, "routes", routes, error) ||
      !take_text(bytes, header_->tags, "tags", tags, error) ||
      !take_text(bytes, header_->program, "program", program_, error) ||
      !take_section(bytes, header_->incidents, "incidents", incidents_, error) ||
      !take_section(bytes, header_->dumps, "dumps", dumps_, error) ||
      !take_section(bytes, header_->limits, "limits", limits_, error) ||
      !take_section(bytes, header_->tag_totals, "totals of tags", tag_totals_, error)) {
    return false;
  }
  routes_ = split_at_nuls(routes);
  tags_ = split_at_nuls(tags);
  if (!tag_totals_.empty() && tag_totals_.size() != kLeakKinds * tags_.size()) {
    error = fmt::format("there are {} totals of {} tags", tag_totals_.size(), tags_.size());
    return false;
  }
  if (!check_modules(error) || !check_groups(error) || !check_incidents(error) ||
      !check_limits(bytes, error) || !check_contents(error)) {
    return false;
  }
  const auto beyond = std::ranges::find_if(frames_, [&](FrameToken token) {
    const std::size_t module = token >> kFrameModuleShift;
    return module != 0 && module >= modules_.size();
  });
  if (beyond != frames_.end()) {
    error = fmt::format("frame {} is of a module that is not there", beyond - frames_.begin());
    return false;
  }
  command_ = split_at_nuls(command);
  return true;
}

bool Findings::check_modules(std::string& error) const {
  for (std::size_t i = 1; i < modules_.size(); ++i) {
    const FindingsModule& module = modules_[i];
    if (module.path_offset > text_.size() || module.path_bytes > text_.size() - module.path_offset) {
      error = fmt::format("the path of module {} does not lie in the text", i);
    } else if (module.build_id_bytes > sizeof module.build_id) {
      error = fmt::format("the build-id of module {} has {} bytes", i, module.build_id_bytes);
    } else if (module.start > module.end) {
      error = fmt::format("module {} ends before it starts", i);
    }
    if (!error.empty()) return false;
  }
  return true;
}

bool Findings::check_groups(std::string& error) const {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const FindingsGroup& group = groups_[i];
    if (static_cast<std::uint32_t>(group.kind) >= kLeakKinds) {
      error = fmt::format("the kind {} of group {} is unknown", static_cast<std::uint32_t>(group.kind), i);
    } else if (group.first_frame > frames_.size() || group.frame_count > frames_.size() - group.first_frame) {
      error = fmt::format("the frames of group {} are not there", i);
    } else if (group.route > routes_.size()) {
      error = fmt::format("group {} came by route {} of {}", i, group.route, routes_.size());
    } else if (group.tag > tags_.size()) {
      error = fmt::format("group {} has tag {} of {}", i, group.tag, tags_.size());
    }
    if (!error.empty()) return false;
  }
  return true;
}

bool Findings::check_incidents(std::string& error) const {
  const IncidentLimits limits{frames_.size(), dumps_, routes_.size(), tags_.size(), modules_.size()};
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    const std::string mistake = mistake_in(incidents_[i], limits);
    if (!mistake.empty()) {
      error = fmt::format("incident {}: {}", i, mistake);
      return false;
    }
  }
  return true;
}

bool Findings::check_limits(std::span<const std::byte> bytes, std::string& error) {
  const bool is_limit = header_->reason == CheckReason::kLimit;
  if (limits_.size() != (is_limit ? 1 : 0)) {
    error = fmt::format("there are {} limits", limits_.size());
    return false;
  }
  if (!is_limit) return true;
  const FindingsLimit& limit = limits_.front();
  if (limit.kind >= kLimitKinds) {
    error = fmt::format("the kind {} of the limit is unknown", limit.kind);
  } else if (static_cast<std::uint32_t>(limit.call) >= kIncidentCalls) {
    error = fmt::format("the call {} of the limit is unknown", static_cast<std::uint32_t>(limit.call));
  } else if (limit.rule_offset > bytes.size() || limit.rule_bytes > bytes.size() - limit.rule_offset) {
    error = "the text of the limit does not lie in the file";
  } else if (limit.now.first_frame > frames_.size() ||
             limit.now.frame_count > frames_.size() - limit.now.first_frame) {
    error = "the frames of the limit are not there";
  } else if (std::memchr(limit.now.thread_name, '\0', sizeof limit.now.thread_name) == nullptr) {
    error = "the name of the limit's thread does not end";
  }
  if (!error.empty()) return false;
  limit_text_ = {reinterpret_cast<const char*>(bytes.data()) + limit.rule_offset, limit.rule_bytes};
  return true;
}

// Each command prints one kind of findings, and relies on there being nothing of the other.
bool Findings::check_contents(std::string& error) const {
  if (header_->reason != CheckReason::kIncident && !incidents_.empty()) {
    error = "a leak check has incidents";
  } else if (header_->reason == CheckReason::kIncident && !groups_.empty()) {
    error = "incidents have leaks";
  } else if (header_->obstacle != CheckObstacle::kNone && !groups_.empty()) {
    error = "a check that was not made has leaks";
  } else if (header_->reason == CheckReason::kIncident && incidents_.empty()) {
    error = "there is no incident";
  }
  return error.empty();
}

}  // namespace weir
