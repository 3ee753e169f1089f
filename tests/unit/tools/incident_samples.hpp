// Findings of one incident, for the tests of its report.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/tools/findings_builder.hpp"

namespace weir {

inline constexpr std::uint64_t kBlock = 0x340000001010;

// A block of 13 bytes with three bytes written behind it, and canaries around.
inline FindingsIncident overflow_of(FindingsBuilder& builder, std::size_t app) {
  FindingsIncident incident = {};
  incident.kind = IncidentKind::kOverflow;
  incident.occasion = IncidentOccasion::kFree;
  incident.call = IncidentCall::kFree;
  incident.made_by = IncidentCall::kMalloc;
  incident.address = kBlock + 13;
  incident.block_address = kBlock;
  incident.block_bytes = 13;
  incident.block_alignment = 16;
  incident.damage_offset = 13;
  incident.damage_bytes = 3;
  incident.damaged_count = 3;
  incident.now = builder.stack({builder.token(app, 0x11001)});
  incident.allocated =
      builder.stack({builder.token(app, 0x12001), builder.token(app, 0x13001)}, 2, "worker", 1'234'000);
  return incident;
}

inline void add_with_dump(FindingsBuilder& builder, const FindingsIncident& incident) {
  std::vector<std::uint8_t> bytes(48, 0xc5);
  std::vector<DumpMark> marks(48, DumpMark::kCanary);
  const std::string_view text("hello, world!+++", 16);
  for (std::size_t i = 0; i < text.size(); ++i) {
    bytes[16 + i] = static_cast<std::uint8_t>(text[i]);
    marks[16 + i] = i < 13 ? DumpMark::kBlock : DumpMark::kDamaged;
  }
  builder.incident(incident, kBlock - 16, bytes, marks);
}

}  // namespace weir
