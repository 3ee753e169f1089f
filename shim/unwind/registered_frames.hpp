// Unwind tables that the program registers at run time with libgcc (__register_frame and its like), as JIT compilers do
// for the code that they have made.
//
// A walk asks here where no module lies. Such code has no module, so its rules are cached with number 0, and all of
// those are forgotten when a section goes whose rules were asked for: other code may lie there next. Where a walk has
// ended for want of tables, memos may remember that; they are voided when the next section comes.
//
// A section is known by its begin, and libgcc's functions call each other through the names that weir stands in front
// of: the same section may be added twice, and is one.
//
// Thread-safe; takes a lock, under which tables are read: who has it can't be the program taking them away. Allocates
// nothing. Valid before any constructor has run.
#pragma once

#include <cstdint>

#include "shim/unwind/frame_rule.hpp"

namespace weir {

class RegisteredFrames {
 public:
  // `forwarded`: libgcc, or who else unwinds for the program, was told too. `object` is what deregistering answers.
  void add(const void* begin, void* object, bool forwarded) noexcept;

  struct Removed {
    bool known, forwarded;
    void* object;
  };
  Removed remove(const void* begin) noexcept;

  // The rule at an address; kUnknown where no section has an entry. `nested` as in Modules::find. It holds while
  // changes() is what `changes` says.
  FrameRule rule_at(std::uint64_t address, bool nested, std::uint64_t& changes) noexcept;
  std::uint64_t changes() const noexcept;

  // The entry itself, for libunwind.
  struct Entry {
    std::uint64_t at, code_start, code_end;
  };
  bool find(std::uint64_t address, Entry& entry) noexcept;

  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;
};

extern RegisteredFrames registered_frames;

}  // namespace weir
