#include "tools/symbols/module_symbols.hpp"

#include <dwarf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "tools/say.hpp"
#include "tools/symbols/demangle.hpp"
#include "tools/symbols/dwarf_names.hpp"
#include "tools/symbols/source_path.hpp"

namespace weir {

namespace {

unsigned number_attribute(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  return dwarf_formudata(dwarf_attr(&die, name, &attribute), &value) == 0 ? static_cast<unsigned>(value) : 0;
}

const char* compilation_directory(Unit& unit) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&unit.lines, DW_AT_comp_dir, &attribute));
}

void set_line(SourceFrame& frame, Unit& unit, std::uint64_t address) {
  Dwarf_Line* line = dwarf_getsrc_die(&unit.lines, address);
  if (line == nullptr) return;
  int number = 0;
  int column = 0;
  frame.file = source_path(dwarf_linesrc(line, nullptr, nullptr), compilation_directory(unit));
  if (dwarf_lineno(line, &number) == 0) frame.line = static_cast<unsigned>(number);
  if (dwarf_linecol(line, &column) == 0) frame.column = static_cast<unsigned>(column);
}

// gcc and the demangler write lambdas in template arguments in different ways.
std::string_view plain_name(std::string_view name) {
  return name.starts_with("operator") ? name : name.substr(0, name.find('<'));
}

// Where an inlined function was called from.
void set_call(SourceFrame& frame, Unit& unit, Dwarf_Die& inlined) {
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  const unsigned file = number_attribute(inlined, DW_AT_call_file);
  if (dwarf_getsrcfiles(&unit.code, &files, &count) == 0 && file < count) {
    frame.file = source_path(dwarf_filesrc(files, file, nullptr, nullptr), compilation_directory(unit));
  }
  frame.line = number_attribute(inlined, DW_AT_call_line);
  frame.column = number_attribute(inlined, DW_AT_call_column);
}

bool has_zstd_sections(Elf* elf) {
  constexpr Elf64_Word kZstd = 2;  // ELFCOMPRESS_ZSTD, which older headers lack
  GElf_Shdr header;
  GElf_Chdr compression;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    if (gelf_getshdr(section, &header) == nullptr || (header.sh_flags & SHF_COMPRESSED) == 0) continue;
    if (gelf_getchdr(section, &compression) != nullptr && compression.ch_type == kZstd) return true;
  }
  return false;
}

// Whether it is zstd that this elfutils does not read: in the module's own file, or in the one beside it.
bool is_unreadable_zstd(Dwfl_Module* module) {
  GElf_Addr bias = 0;
  if (Elf* elf = dwfl_module_getelf(module, &bias); elf != nullptr && has_zstd_sections(elf)) return true;
  const char* beside = nullptr;
  dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &beside);
  const int fd = beside != nullptr ? ::open(beside, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return false;
  Elf* elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  const bool found = elf != nullptr && has_zstd_sections(elf);
  elf_end(elf);
  close(fd);
  return found;
}

void say_once_about_zstd(const std::string& path) {
  static bool said = false;
  if (std::exchange(said, true)) return;
  say(
      fmt::format("the debug information of {} is compressed with zstd, which elfutils {} does not read: "
                  "no lines (`objcopy --decompress-debug-sections`, or elfutils 0.189 with zstd)",
                  path, dwfl_version(nullptr)));
}

}  // namespace

void ModuleSymbols::open() {
  file_.emplace(place_);
  if (file_->module() == nullptr) return;
  symbols_.emplace(file_->module());
  Dwarf_Addr bias = 0;
  if (Dwarf* dwarf = dwfl_module_getdwarf(file_->module(), &bias); dwarf != nullptr) {
    dwarf_bias_ = bias;
    units_.emplace(dwarf);
  } else if (is_unreadable_zstd(file_->module())) {
    say_once_about_zstd(place_.path);
  }
}

std::vector<SourceFrame> ModuleSymbols::sources_at(std::uint64_t address) {
  if (!file_) open();
  std::vector<SourceFrame> sources;
  if (units_) sources = from_debug_information(address);
  if (sources.empty()) sources.emplace_back();
  if (sources.back().function.empty() && symbols_) {
    if (const char* name = symbols_->find(address)) sources.back().function = demangle(name);
  }
  return sources;
}

std::vector<SourceFrame> ModuleSymbols::from_debug_information(std::uint64_t address) {
  std::vector<SourceFrame> sources;
  const std::uint64_t in_file = address - dwarf_bias_;
  Unit* unit = units_->find(in_file);
  if (unit == nullptr) return sources;
  std::vector<Dwarf_Die> scopes = unit->functions.scopes_at(in_file);
  SourceFrame frame;
  set_line(frame, *unit, in_file);
  while (!scopes.empty()) {
    Dwarf_Die& scope = scopes.back();
    frame.inlined = scopes.size() > 1;
    frame.function = function_name(*unit, scope, address, frame.inlined);
    sources.push_back(frame);
    frame = {};
    if (scopes.size() > 1) set_call(frame, *unit, scope);
    scopes.pop_back();
  }
  if (sources.empty() && !frame.file.empty()) sources.push_back(std::move(frame));
  return sources;
}

std::string ModuleSymbols::function_name(Unit& unit, Dwarf_Die& scope, std::uint64_t address, bool inlined) {
  const char* linkage = linkage_name(scope);
  const char* name = string_attribute(scope, DW_AT_name);
  // A linker's name that is not mangled is an alias: libc's __GI___strdup, for one.
  if (linkage != nullptr) {
    std::string readable = demangle(linkage);
    if (name == nullptr || readable != linkage) return readable;
  }
  if (name == nullptr) return {};
  // gcc leaves out the linker's name of functions with internal linkage; the symbol table has it, with the
  // namespace and the arguments. Functions that were folded into one can have another's name there.
  if (!inlined && unit.is_cxx && std::strcmp(name, "main") != 0) {
    const char* symbol = symbols_->find(address);
    std::string whole = symbol == nullptr ? std::string() : demangle(symbol);
    if (whole.find(plain_name(name)) != std::string::npos) return whole;
  }
  return name;
}

}  // namespace weir
