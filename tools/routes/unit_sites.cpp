#include "tools/routes/unit_sites.hpp"

#include <dwarf.h>

#include "tools/routes/function_names.hpp"
#include "tools/symbols/dwarf_names.hpp"
#include "tools/symbols/source_path.hpp"

namespace weir {

namespace {

const char* own_text(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, name, &attribute));
}

// The function that an inlined call or a copy is of; false when the entry is the function itself.
bool step_to_origin(Dwarf_Die& die) {
  for (const unsigned link : {DW_AT_abstract_origin, DW_AT_specification}) {
    Dwarf_Attribute attribute;
    Dwarf_Die origin;
    if (dwarf_attr(&die, link, &attribute) == nullptr) continue;
    if (dwarf_formref_die(&attribute, &origin) == nullptr) continue;
    die = origin;
    return true;
  }
  return false;
}

bool names_a_scope(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
         tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

}  // namespace

UnitSites::UnitSites(Dwarf_Die lines, Dwarf_Die code, std::uint64_t shift, const SitePatterns& patterns,
                     SiteMarks& marks)
    : lines_(lines),
      code_(code),
      shift_(shift),
      patterns_(patterns),
      marks_(marks),
      directory_(own_text(lines_, DW_AT_comp_dir)) {}

void UnitSites::mark() {
  if (patterns_.with_source() != 0) mark_lines();
  // Only calls out of this unit's files can be inlined in it from one of them.
  bool any_source = false;
  if (patterns_.with_source() != 0 && dwarf_getsrcfiles(&code_, &files_, &file_count_) == 0) {
    for (std::size_t i = 0; i < file_count_ && !any_source; ++i) {
      any_source = sources(dwarf_filesrc(files_, i, nullptr, nullptr)) != 0;
    }
  }
  if (patterns_.with_caller() == 0 && !any_source) return;
  collect(code_, {});
  for (Dwarf_Die& place : places_) mark_code(place);
}

void UnitSites::mark_lines() {
  Dwarf_Lines* rows = nullptr;
  std::size_t count = 0;
  if (dwarf_getsrclines(&lines_, &rows, &count) != 0) return;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    Dwarf_Line* row = dwarf_onesrcline(rows, i);
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    bool ends = false;
    if (dwarf_lineendsequence(row, &ends) != 0 || ends || dwarf_lineaddr(row, &start) != 0 ||
        dwarf_lineaddr(dwarf_onesrcline(rows, i + 1), &end) != 0) {
      continue;
    }
    // The linker leaves functions that it dropped at address 0.
    if (start == 0 || end <= start) continue;
    marks_.add(SiteMarks::Kind::kSource, start + shift_, end + shift_,
               sources(dwarf_linesrc(row, nullptr, nullptr)));
  }
}

void UnitSites::collect(Dwarf_Die parent, const std::string& scope) {
  Dwarf_Die child;
  if (dwarf_child(&parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) {
      places_.push_back(child);
      const char* name = own_text(child, DW_AT_name);
      if (name != nullptr && !scope.empty() && linkage_name(child) == nullptr) {
        scoped_names_[child.addr] = scope + name;
      }
      collect(child, scope);
    } else if (is_block(tag)) {
      collect(child, scope);
    } else if (names_a_scope(tag) && dwarf_haschildren(&child) == 1) {
      const char* name = own_text(child, DW_AT_name);
      const char* shown = name != nullptr ? name : "(anonymous namespace)";
      const bool is_type = tag != DW_TAG_namespace && tag != DW_TAG_module;
      collect(child, name == nullptr && is_type ? scope : scope + shown + "::");
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

void UnitSites::mark_code(Dwarf_Die& die) {
  const bool inlined = dwarf_tag(&die) == DW_TAG_inlined_subroutine;
  RuleMask called_from = 0;
  Dwarf_Attribute attribute;
  Dwarf_Word file = 0;
  if (inlined && files_ != nullptr &&
      dwarf_formudata(dwarf_attr(&die, DW_AT_call_file, &attribute), &file) == 0 && file < file_count_) {
    called_from = sources(dwarf_filesrc(files_, file, nullptr, nullptr));
  }
  Dwarf_Addr base = 0;
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  std::ptrdiff_t offset = 0;
  while ((offset = dwarf_ranges(&die, offset, &base, &low, &high)) > 0) {
    if (low == 0) continue;
    if (patterns_.with_caller() != 0) {
      marks_.add(SiteMarks::Kind::kCaller, low + shift_, high + shift_, callers(die));
    }
    marks_.add(SiteMarks::Kind::kSource, low + shift_, high + shift_, called_from);
  }
}

RuleMask UnitSites::callers(Dwarf_Die& die) {
  Dwarf_Die function = die;
  step_to_origin(function);
  const auto [entry, is_new] = caller_rules_.try_emplace(function.addr);
  if (is_new) entry->second = patterns_.callers(names_of(function));
  return entry->second;
}

RuleMask UnitSites::sources(const char* file) {
  if (file == nullptr) return 0;
  const auto [entry, is_new] = source_rules_.try_emplace(file);
  if (is_new) entry->second = patterns_.sources(source_path(file, directory_));
  return entry->second;
}

std::vector<std::string> UnitSites::names_of(Dwarf_Die& function) {
  std::vector<std::string> names;
  if (const char* linkage = linkage_name(function)) names = function_names(linkage);
  const char* name = string_attribute(function, DW_AT_name);
  if (name == nullptr || !names.empty()) return names;
  // gcc leaves the linker's name of what only this unit sees out.
  names.emplace_back(name);
  names.push_back(without_template_arguments(name));
  Dwarf_Die declared = function;
  do {
    const auto scoped = scoped_names_.find(declared.addr);
    if (scoped == scoped_names_.end()) continue;
    names.push_back(scoped->second);
    names.push_back(without_template_arguments(scoped->second));
  } while (step_to_origin(declared));
  return names;
}

}  // namespace weir
