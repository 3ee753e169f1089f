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
  std::span<const FrameToken> frames_of(const FindingsGroup& group) const {
    return frames_.subspan(group.first_frame, group.frame_count);
  }
  std::string_view path_of(const FindingsModule& module) const {
    return text_.substr(module.path_offset, module.path_bytes);
  }
  std::string_view options() const { return options_; }
  const std::vector<std::string>& command() const { return command_; }

  // The name of the route that the group's blocks came by; empty for the parent's.
  std::string_view route_of(const FindingsGroup& group) const {
    return group.route == 0 ? std::string_view() : routes_[group.route - 1];
  }

 private:
  bool check_modules(std::string& error) const;
  bool check_groups(std::string& error) const;

  const FindingsHeader* header_ = nullptr;
  std::span<const FindingsModule> modules_;
  std::span<const FindingsGroup> groups_;
  std::span<const FrameToken> frames_;
  std::string_view text_;
  std::string_view options_;
  std::vector<std::string> command_;
  std::vector<std::string> routes_;
};

}  // namespace weir
