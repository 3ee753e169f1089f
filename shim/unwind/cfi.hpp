// Reads the unwind tables (.eh_frame, DWARF 4 section 6.4 and the LSB's extensions) at one address.
//
// Own code because it runs inside allocations: it takes no lock, allocates nothing, touches no descriptor
// and costs about half a microsecond, once per call site; libunwind's cursor takes ten to learn the same
// and iterates the loader's list under its lock. tests/oracle holds every rule of the system's large
// libraries against what libunwind does there.
//
// Thread-safe, async-signal-safe. The tables are trusted as far as their bounds: reading stays inside the
// module that _dl_find_object names.
#pragma once

#include <cstdint>

#include "shim/unwind/frame_rule.hpp"

namespace weir {

// Where the tables of one module are, as the loader knows them.
struct UnwindTables {
  std::uint64_t module_start, module_end;
  std::uint64_t eh_frame_hdr;
};

// The rule at `address`; kUnknown where the tables have no entry, kComplex where the entry does not fit.
FrameRule read_frame_rule(const UnwindTables& tables, std::uint64_t address) noexcept;

}  // namespace weir
