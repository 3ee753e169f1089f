// Names and lines for the addresses of one module. The file is opened at the first question.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/symbols/frame.hpp"
#include "tools/symbols/object_file.hpp"
#include "tools/symbols/symbol_index.hpp"
#include "tools/symbols/unit_index.hpp"

namespace weir {

class ModuleSymbols {
 public:
  explicit ModuleSymbols(ModulePlace place) : place_(std::move(place)) {}

  // As Frame::sources: innermost first; one without name and file when nothing is known.
  std::vector<SourceFrame> sources_at(std::uint64_t address);

 private:
  void open();
  std::vector<SourceFrame> from_debug_information(std::uint64_t address);
  std::string function_name(Unit& unit, Dwarf_Die& scope, std::uint64_t address, bool inlined);

  ModulePlace place_;
  std::optional<ObjectFile> file_;
  std::optional<SymbolIndex> symbols_;
  std::optional<UnitIndex> units_;
  std::uint64_t dwarf_bias_ = 0;
};

}  // namespace weir
