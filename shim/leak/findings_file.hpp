// The file that findings are written into, in memory, and the sections that all findings have.
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"
#include "shim/base/zones.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

// Sections are appended behind each other. Memory from the table zone, touched as far as it is used.
class FindingsFile {
 public:
  explicit FindingsFile(std::uint64_t most) noexcept
      : start_(static_cast<char*>(table_zone.map(most))), most_(most) {}

  bool ok() const noexcept { return start_ != nullptr; }
  char* at(std::uint64_t offset) const noexcept { return start_ + offset; }
  std::uint64_t end() const noexcept { return end_; }

  // Room for `bytes`, aligned; the offset.
  std::uint64_t take(std::uint64_t bytes) noexcept;

 private:
  char* start_;
  std::uint64_t most_;
  std::uint64_t end_ = 0;
};

// What the common sections may take.
std::uint64_t room_for_common_sections() noexcept;

// Modules, text, options, command, routes, tags and the program.
void write_common_sections(FindingsFile& file, FindingsHeader& header) noexcept;

// Where a stack's frames went, behind those that are there: all of `frames` is one section.
struct WrittenStack {
  std::uint64_t first_frame;
  std::uint32_t frame_count;
  std::uint32_t flags;
  std::uint32_t tag;
};
WrittenStack write_stack(FindingsFile& file, FindingsHeader& header, StackId stack) noexcept;

// Which rule's route gave the block, from 1 on; 0 for the parent's.
std::uint32_t rule_number_of(const void* block) noexcept;

}  // namespace weir
