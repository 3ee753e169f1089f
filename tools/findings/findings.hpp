// A findings file, checked: every offset, count, index and kind in it is in range once open() has returned.
//
// The spans point into the bytes that were given, which must outlive this.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/findings.hpp"

namespace weir {

class Findings {
 public:
  // False with one clause in `error` when the bytes are not whole and consistent findings. The bytes must be
  // aligned as malloc aligns.
  bool open(std::span<const std::byte> bytes, std::string& error);

  const FindingsHeader& header() const { return *header_; }
  std::span<const FindingsModule> modules() const { return modules_; }
  std::span<const FindingsGroup> groups() const { return groups_; }
  std::span<const FindingsIncident> incidents() const { return incidents_; }

  // Of a limit that was exceeded (reason kLimit), and its text.
  const FindingsLimit& limit() const { return limits_.front(); }
  std::string_view limit_text() const { return limit_text_; }

  // Of a group, or of one of an incident's stacks.
  template <typename Owner>
  std::span<const FrameToken> frames_of(const Owner& owner) const {
    return frames_.subspan(owner.first_frame, owner.frame_count);
  }

  // The memory around an incident, and as many marks.
  std::span<const std::uint8_t> dump_of(const FindingsIncident& incident) const {
    return dumps_.subspan(incident.dump_offset, incident.dump_bytes);
  }
  std::span<const DumpMark> marks_of(const FindingsIncident& incident) const {
    const std::span<const std::uint8_t> marks =
        dumps_.subspan(incident.dump_offset + incident.dump_bytes, incident.dump_bytes);
    return {reinterpret_cast<const DumpMark*>(marks.data()), marks.size()};
  }

  std::string_view path_of(const FindingsModule& module) const {
    return text_.substr(module.path_offset, module.path_bytes);
  }
  std::string_view options() const { return options_; }
  const std::vector<std::string>& command() const { return command_; }

  std::string_view program() const { return program_; }

  // The program's tags, and what lies under each: kLeakKinds in a row, before suppressions; none for an incident or limit.
  const std::vector<std::string>& tags() const { return tags_; }
  std::span<const LeakTotals> tag_totals() const { return tag_totals_; }

  // The name of the route that the blocks of a group or incident came by; empty for the parent's.
  template <typename Owner>
  std::string_view route_of(const Owner& owner) const {
    return owner.route == 0 ? std::string_view() : routes_[owner.route - 1];
  }

  // The name that the program put on the blocks of a group, or on that of an incident's stack; empty for none.
  template <typename Owner>
  std::string_view tag_of(const Owner& owner) const {
    return owner.tag == 0 ? std::string_view() : tags_[owner.tag - 1];
  }

 private:
  bool check_modules(std::string& error) const;
  bool check_groups(std::string& error) const;
  bool check_incidents(std::string& error) const;
  bool check_limits(std::span<const std::byte> bytes, std::string& error);
  bool check_contents(std::string& error) const;

  const FindingsHeader* header_ = nullptr;
  std::span<const FindingsModule> modules_;
  std::span<const FindingsGroup> groups_;
  std::span<const FrameToken> frames_;
  std::span<const FindingsIncident> incidents_;
  std::span<const FindingsLimit> limits_;
  std::span<const LeakTotals> tag_totals_;
  std::string_view limit_text_;
  std::span<const std::uint8_t> dumps_;
  std::string_view text_;
  std::string_view options_;
  std::string_view program_;
  std::vector<std::string> command_;
  std::vector<std::string> routes_;
  std::vector<std::string> tags_;
};

}  // namespace weir
