// The marks of one compilation unit: its functions, what was inlined into them, and its lines.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/routes/site_marks.hpp"
#include "tools/routes/site_patterns.hpp"

namespace weir {

class UnitSites {
 public:
  // `lines` has the line table, `code` the functions (another one where they stand in a .dwo file). `shift`
  // is added to each address.
  UnitSites(Dwarf_Die lines, Dwarf_Die code, std::uint64_t shift, const SitePatterns& patterns,
            SiteMarks& marks);

  void mark();

 private:
  void collect(Dwarf_Die parent, const std::string& scope);
  void mark_lines();
  void mark_code(Dwarf_Die& die);
  RuleMask callers(Dwarf_Die& die);
  RuleMask sources(const char* file);
  std::vector<std::string> names_of(Dwarf_Die& function);

  Dwarf_Die lines_;
  Dwarf_Die code_;
  std::uint64_t shift_;
  const SitePatterns& patterns_;
  SiteMarks& marks_;
  const char* directory_;
  Dwarf_Files* files_ = nullptr;
  std::size_t file_count_ = 0;
  std::vector<Dwarf_Die> places_;                              // functions and inlined calls that have code
  std::unordered_map<const void*, std::string> scoped_names_;  // of functions without a linker's name
  std::unordered_map<const void*, RuleMask> caller_rules_;     // by the function
  std::unordered_map<const char*, RuleMask> source_rules_;     // by the line table's string
};

}  // namespace weir
