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

// Entries without a search table, one behind the other, as a program registers them with libgcc (JIT compilers do).
// Where they lie is what the program says: every page is asked for before it is read.
class FrameEntries {
 public:
  // Up to a length of 0, or to `end`.
  explicit FrameEntries(std::uint64_t begin, std::uint64_t end = ~std::uint64_t{0}) noexcept
      : begin_(begin), next_(begin), end_(end) {}

  // The next entry for code, [code_start, code_end); false behind the last.
  bool next() noexcept;

  std::uint64_t entry() const noexcept { return entry_; }
  std::uint64_t code_start() const noexcept { return code_start_; }
  std::uint64_t code_end() const noexcept { return code_end_; }
  // How far they have been read: after the last, where they end.
  std::uint64_t read_to() const noexcept { return next_; }

  // The rule at an address in the present entry's code.
  FrameRule rule_at(std::uint64_t address) const noexcept;

 private:
  bool may_read(std::uint64_t start, std::uint64_t bytes) noexcept;

  std::uint64_t begin_, next_, end_;
  std::uint64_t asked_from_ = 0, asked_to_ = 0;  // pages that can be read
  std::uint64_t entry_ = 0, code_start_ = 0, code_end_ = 0;
};

// The rule at `address`; kUnknown where the tables have no entry, kComplex where the entry does not fit.
FrameRule read_frame_rule(const UnwindTables& tables, std::uint64_t address) noexcept;

}  // namespace weir
