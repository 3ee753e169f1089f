// Turns classified blocks into the findings file (abi/findings.hpp): grouped by stack and kind, with the
// frames and modules that the groups name. Memory from the table zone; safe while threads stand still.
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"
#include "shim/leak/live_blocks.hpp"
#include "shim/leak/reachability.hpp"

namespace weir {

struct Findings {
  const FindingsHeader* header;  // the whole file, header first; nullptr when there was no memory
  const FindingsGroup* groups;
  const FrameToken* frames;
};

// `header` comes with everything filled in that is not a section or a sum over blocks.
Findings write_findings(LiveBlocks& blocks, Reachability& reachability, FindingsHeader header) noexcept;

}  // namespace weir
