#include "tools/routes/module_sites.hpp"

#include <dwarf.h>

#include "tools/routes/function_names.hpp"
#include "tools/routes/unit_sites.hpp"
#include "tools/symbols/symbol_index.hpp"

namespace weir {

namespace {

// Names of the linker's table hold for what has no debug information, and for copies of functions.
void mark_symbols(Dwfl_Module* module, std::uint64_t bias, const SitePatterns& patterns, SiteMarks& marks) {
  SymbolIndex(module).for_each([&](std::uint64_t start, std::uint64_t end, const char* name) {
    marks.add(SiteMarks::Kind::kCaller, start - bias, end - bias, patterns.callers(function_names(name)));
  });
}

void mark_units(Dwarf* dwarf, std::uint64_t shift, const SitePatterns& patterns, SiteMarks& marks) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  std::uint8_t type = 0;
  Dwarf_Die die;
  Dwarf_Die split;
  while (dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, &split) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    const bool is_split = type == DW_UT_skeleton && split.addr != nullptr;
    UnitSites(die, is_split ? split : die, shift, patterns, marks).mark();
  }
}

}  // namespace

std::vector<SiteRange> sites_of_module(const ModulePlace& place, const SitePatterns& patterns) {
  const ObjectFile file(place);
  if (file.module() == nullptr) return {};
  SiteMarks marks;
  if (patterns.with_caller() != 0) mark_symbols(file.module(), place.bias, patterns, marks);
  Dwarf_Addr dwarf_bias = 0;
  if (Dwarf* dwarf = dwfl_module_getdwarf(file.module(), &dwarf_bias); dwarf != nullptr) {
    mark_units(dwarf, dwarf_bias - place.bias, patterns, marks);
  }
  return marks.ranges(patterns.with_caller(), patterns.with_source());
}

}  // namespace weir
