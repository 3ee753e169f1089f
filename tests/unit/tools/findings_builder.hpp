// Findings made in memory, as the library would write them.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/findings.hpp"

namespace weir {

class FindingsBuilder {
 public:
  FindingsBuilder() {
    std::memcpy(header.magic, kFindingsMagic, sizeof header.magic);
    header.version = kFindingsVersion;
    header.header_bytes = sizeof header;
    header.pid = 4711;
    header.context_size = 64;
    modules_.emplace_back();
  }

  // The index for tokens.
  std::size_t module(std::string_view path, std::uint64_t start, std::uint64_t end, std::uint64_t bias,
                     std::span<const std::uint8_t> build_id = {}, std::uint32_t flags = 0) {
    FindingsModule module = {};
    module.start = start;
    module.end = end;
    module.bias = bias;
    module.path_offset = text_.size();
    module.path_bytes = static_cast<std::uint32_t>(path.size());
    module.flags = flags;
    module.build_id_bytes = static_cast<std::uint32_t>(build_id.size());
    std::copy(build_id.begin(), build_id.end(), module.build_id);
    text_ += path;
    modules_.push_back(module);
    return modules_.size() - 1;
  }

  static FrameToken token(std::size_t module, std::uint64_t address, bool exact = false) {
    return FrameToken{module} << kFrameModuleShift | address | (exact ? kFrameExactBit : 0);
  }

  void group(LeakKind kind, std::uint64_t bytes, std::uint64_t blocks, const std::vector<FrameToken>& frames,
             std::uint32_t flags = 0, std::uint32_t tag = 0) {
    FindingsGroup group = {};
    group.tag = tag;
    group.kind = kind;
    group.stack_id = static_cast<std::uint32_t>(groups_.size());
    group.bytes = bytes;
    group.blocks = blocks;
    group.first_frame = frames_.size();
    group.frame_count = static_cast<std::uint32_t>(frames.size());
    group.flags = flags;
    groups_.push_back(group);
    frames_.insert(frames_.end(), frames.begin(), frames.end());
    header.totals[static_cast<std::size_t>(kind)].bytes += bytes;
    header.totals[static_cast<std::size_t>(kind)].blocks += blocks;
  }

  IncidentStack stack(const std::vector<FrameToken>& frames, std::uint32_t thread = 1,
                      std::string_view name = "main", std::uint64_t age_ns = 0) {
    IncidentStack stack = {};
    stack.first_frame = frames_.size();
    stack.frame_count = static_cast<std::uint32_t>(frames.size());
    stack.age_ns = age_ns;
    stack.thread = thread;
    stack.tid = 100 + thread;
    name.copy(stack.thread_name, kThreadNameBytes - 1);
    frames_.insert(frames_.end(), frames.begin(), frames.end());
    return stack;
  }

  // Makes the findings those of incidents; `bytes` and `marks`, as many, are what lies around.
  void incident(FindingsIncident incident, std::uint64_t address = 0,
                std::span<const std::uint8_t> bytes = {}, std::span<const DumpMark> marks = {}) {
    header.reason = CheckReason::kIncident;
    incident.dump_address = address;
    incident.dump_offset = dumps_.size();
    incident.dump_bytes = bytes.size();
    dumps_.insert(dumps_.end(), bytes.begin(), bytes.end());
    for (const DumpMark mark : marks) dumps_.push_back(static_cast<std::uint8_t>(mark));
    incidents_.push_back(incident);
  }

  // Makes the findings those of a limit.
  void limit(const FindingsLimit& limit, std::string_view text) {
    header.reason = CheckReason::kLimit;
    limits_.push_back(limit);
    limit_text_ = text;
  }

  // The number that groups and incidents know it by.
  std::uint32_t route(std::string_view name) {
    routes_.append(name).append(1, '\0');
    return static_cast<std::uint32_t>(std::ranges::count(routes_, '\0'));
  }

  // Names a tag and what lies under it, and gives its number.
  std::uint32_t tag(std::string_view name, std::uint64_t lost, std::uint64_t reachable) {
    tags_.append(name).append(1, '\0');
    tag_totals_.insert(tag_totals_.end(),
                       {{lost, lost != 0 ? 1u : 0u}, {}, {reachable, reachable != 0 ? 1u : 0u}});
    return static_cast<std::uint32_t>(std::ranges::count(tags_, '\0'));
  }

  void option(std::string_view line) { options_.append(line).append("\n"); }
  void argument(std::string_view word) { command_.append(word).append(1, '\0'); }

  std::vector<std::byte> build() {
    std::vector<std::byte> bytes(sizeof header);
    append(bytes, header.modules, modules_.data(), modules_.size());
    append(bytes, header.groups, groups_.data(), groups_.size());
    append(bytes, header.frames, frames_.data(), frames_.size());
    append(bytes, header.text, text_.data(), text_.size());
    append(bytes, header.options, options_.data(), options_.size());
    append(bytes, header.command, command_.data(), command_.size());
    append(bytes, header.routes, routes_.data(), routes_.size());
    append(bytes, header.tags, tags_.data(), tags_.size());
    append(bytes, header.tag_totals, tag_totals_.data(), tag_totals_.size());
    append(bytes, header.incidents, incidents_.data(), incidents_.size());
    append(bytes, header.dumps, dumps_.data(), dumps_.size());
    FindingsSection limit_text = {};
    append(bytes, limit_text, limit_text_.data(), limit_text_.size());
    for (FindingsLimit& limit : limits_) {
      limit.rule_offset = limit_text.offset;
      limit.rule_bytes = static_cast<std::uint32_t>(limit_text.count);
    }
    append(bytes, header.limits, limits_.data(), limits_.size());
    header.file_bytes = bytes.size();
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }

  FindingsHeader header = {};  // of which the builder fills in sections and totals

 private:
  template <typename T>
  static void append(std::vector<std::byte>& bytes, FindingsSection& section, const T* items,
                     std::size_t count) {
    const std::size_t offset = (bytes.size() + 7) / 8 * 8;
    section = {offset, count};
    bytes.resize(offset + count * sizeof(T));
    if (count != 0) std::memcpy(bytes.data() + offset, items, count * sizeof(T));
  }

  std::vector<FindingsModule> modules_;
  std::vector<FindingsGroup> groups_;
  std::vector<FrameToken> frames_;
  std::string text_;
  std::string options_;
  std::string command_;
  std::string routes_;
  std::string tags_;
  std::vector<LeakTotals> tag_totals_;
  std::vector<FindingsIncident> incidents_;
  std::vector<std::uint8_t> dumps_;
  std::vector<FindingsLimit> limits_;
  std::string limit_text_;
};

}  // namespace weir
