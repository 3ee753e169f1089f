// The functions of one compilation unit by address, and the calls that were inlined into them.
//
// Two steps, because most functions stand at the top of their unit or in namespaces, and walking everything
// in a large unit takes long: first those, then, for an address that was not among them, all (functions of
// local classes, nested functions).
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <vector>

#include "tools/symbols/range_index.hpp"

namespace weir {

class FunctionIndex {
 public:
  explicit FunctionIndex(Dwarf_Die unit) : unit_(unit) {}

  // The function at the address and the inlined calls around it there, outermost first;
  // empty when none is known.
  std::vector<Dwarf_Die> scopes_at(std::uint64_t address);

 private:
  enum class Depth { kNothing, kNamespaces, kEverything };
  void index(Dwarf_Die parent, Depth depth);
  bool find(std::uint64_t address, Dwarf_Die& function);

  Dwarf_Die unit_;
  Depth indexed_ = Depth::kNothing;
  std::vector<Dwarf_Die> functions_;
  RangeIndex ranges_;
};

}  // namespace weir
