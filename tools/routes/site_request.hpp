// The library's question about call sites (shim/abi/route_sites.hpp), checked, and the answer to it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/route_sites.hpp"
#include "tools/routes/site_patterns.hpp"

namespace weir {

class SiteRequest {
 public:
  // Keeps a copy. False with one clause in `error` when the bytes are no such question.
  bool open(std::span<const std::byte> bytes, std::string& error);

  std::uint32_t pid() const { return header_.pid; }
  std::span<const SitesModule> modules() const { return modules_; }
  std::string_view path_of(const SitesModule& module) const;

  // What the rules ask for that are to be decided in this module.
  SitePatterns patterns_for(const SitesModule& module) const;

  void answer(std::size_t module, std::span<const SiteRange> ranges);

  // Everything that changed, as pieces to write at offsets of the file.
  struct Piece {
    std::uint64_t offset;
    std::span<const std::byte> bytes;
  };
  std::vector<Piece> finish(std::uint64_t file_bytes);

 private:
  std::string_view text(std::uint64_t offset, std::uint64_t bytes) const;

  SitesHeader header_{};
  std::vector<SitesModule> modules_;
  std::vector<SitesPattern> patterns_;
  std::string text_;
  std::vector<SiteRange> ranges_;
};

}  // namespace weir
