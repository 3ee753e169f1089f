// What an entry of the debug information says of itself, or what the entry says that it is a copy of.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>

namespace weir {

// nullptr when it has no such text.
inline const char* string_attribute(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(&die, name, &attribute));
}

inline const char* linkage_name(Dwarf_Die& die) {
  const char* name = string_attribute(die, DW_AT_linkage_name);
  return name != nullptr ? name : string_attribute(die, DW_AT_MIPS_linkage_name);
}

// A part of a function that has addresses, and is no call that was inlined.
inline bool is_block(int tag) {
  return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block ||
         tag == DW_TAG_with_stmt;
}

}  // namespace weir
