#include "tools/symbols/unit_index.hpp"

#include <dwarf.h>

namespace weir {

namespace {

bool is_cxx(Dwarf_Die unit) {
  const int language = dwarf_srclang(&unit);
  return language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
         language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14;
}

}  // namespace

Unit* UnitIndex::find(std::uint64_t address) {
  Dwarf_Die die;
  if (dwarf_addrdie(dwarf_, address, &die) != nullptr) return unit_of(die);
  if (!indexed_) index();
  const auto found = ranges_.find(address);
  return found ? unit_of(dies_[*found]) : nullptr;
}

void UnitIndex::index() {
  indexed_ = true;
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  std::uint8_t type = 0;
  Dwarf_Die die;
  while (dwarf_get_units(dwarf_, unit, &unit, &version, &type, &die, nullptr) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    std::ptrdiff_t offset = 0;
    while ((offset = dwarf_ranges(&die, offset, &base, &low, &high)) > 0) {
      if (low != 0) ranges_.add(low, high, dies_.size());
    }
    dies_.push_back(die);
  }
}

Unit* UnitIndex::unit_of(Dwarf_Die die) {
  std::unique_ptr<Unit>& unit = units_[die.cu];
  if (!unit) {
    Dwarf_Die split = {};
    std::uint8_t type = 0;
    const bool known = dwarf_cu_info(die.cu, nullptr, &type, nullptr, &split, nullptr, nullptr, nullptr) == 0;
    const Dwarf_Die code = known && type == DW_UT_skeleton && split.addr != nullptr ? split : die;
    unit = std::make_unique<Unit>(Unit{die, code, FunctionIndex(code), is_cxx(code)});
  }
  return unit.get();
}

}  // namespace weir
