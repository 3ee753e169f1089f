#include "tools/symbols/function_index.hpp"

#include <dwarf.h>

#include "tools/symbols/dwarf_names.hpp"

namespace weir {

namespace {

bool holds_functions(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_module;
}

bool may_hold_functions_inside(int tag) {
  return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_class_type ||
         tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_inlined_subroutine;
}

// Among the children of `scope` the call or block at the address; false when it is in none.
bool step_inside(Dwarf_Die& scope, std::uint64_t address) {
  Dwarf_Die child;
  if (dwarf_child(&scope, &child) != 0) return false;
  do {
    const int tag = dwarf_tag(&child);
    if ((tag == DW_TAG_inlined_subroutine || is_block(tag)) && dwarf_haspc(&child, address) == 1) {
      scope = child;
      return true;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

}  // namespace

std::vector<Dwarf_Die> FunctionIndex::scopes_at(std::uint64_t address) {
  std::vector<Dwarf_Die> scopes;
  Dwarf_Die scope;
  if (!find(address, scope)) return scopes;
  scopes.push_back(scope);
  while (step_inside(scope, address)) {
    if (dwarf_tag(&scope) == DW_TAG_inlined_subroutine) scopes.push_back(scope);
  }
  return scopes;
}

bool FunctionIndex::find(std::uint64_t address, Dwarf_Die& function) {
  for (const Depth depth : {Depth::kNamespaces, Depth::kEverything}) {
    if (indexed_ < depth) {
      functions_.clear();
      ranges_ = {};
      index(unit_, depth);
      indexed_ = depth;
    }
    if (const auto found = ranges_.find(address)) {
      function = functions_[*found];
      return true;
    }
  }
  return false;
}

void FunctionIndex::index(Dwarf_Die parent, Depth depth) {
  Dwarf_Die child;
  if (dwarf_child(&parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) {
      Dwarf_Addr base = 0;
      Dwarf_Addr low = 0;
      Dwarf_Addr high = 0;
      const std::size_t number = functions_.size();
      std::ptrdiff_t offset = 0;
      while ((offset = dwarf_ranges(&child, offset, &base, &low, &high)) > 0) {
        // The linker leaves functions that it dropped at address 0.
        if (low == 0) continue;
        ranges_.add(low, high, number);
        if (functions_.size() == number) functions_.push_back(child);
      }
    }
    if (holds_functions(tag) || (depth == Depth::kEverything && may_hold_functions_inside(tag))) {
      index(child, depth);
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

}  // namespace weir
