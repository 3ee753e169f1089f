// The compilation unit of an address.
//
// .debug_aranges answers where the compiler wrote it (gcc). clang does not, and one program can have units of
// both: an address that is not found there is looked for in the ranges of all units, read once.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tools/symbols/function_index.hpp"
#include "tools/symbols/range_index.hpp"

namespace weir {

struct Unit {
  Dwarf_Die lines;  // has the line table; the skeleton where the rest stands in a .dwo file
  Dwarf_Die code;   // has the functions
  FunctionIndex functions;
  bool is_cxx;
};

class UnitIndex {
 public:
  explicit UnitIndex(Dwarf* dwarf) : dwarf_(dwarf) {}

  // nullptr when no unit has the address.
  Unit* find(std::uint64_t address);

 private:
  void index();
  Unit* unit_of(Dwarf_Die unit);

  Dwarf* dwarf_;
  bool indexed_ = false;
  std::vector<Dwarf_Die> dies_;
  RangeIndex ranges_;
  std::unordered_map<Dwarf_CU*, std::unique_ptr<Unit>> units_;
};

}  // namespace weir
