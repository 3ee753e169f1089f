// Memory as lines of a report, 79 columns wide: what is damaged stands in brackets, the block between bars.
//
//   340001a00880 |68 65 6c 6c 6f 20 77 6f 72 6c 64 21 00[21 21]-- hello world!.!!
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "shim/abi/incidents.hpp"

namespace weir {

struct HexDump {
  std::uint64_t address;  // of the first byte
  std::span<const std::uint8_t> bytes;
  std::span<const DumpMark> marks;  // as many
  std::uint64_t block_address;      // 0: no block is known
  std::uint64_t block_bytes;
};

// Lines like the one before are counted instead, and a long dump is cut. The last line explains the marks.
void append_hex_dump(std::string& out, const HexDump& dump, bool color);

}  // namespace weir
