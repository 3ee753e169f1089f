#include "tools/symbols/symbol_index.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace weir {

namespace {

bool is_code(const GElf_Sym& symbol, GElf_Word section) {
  if (section == SHN_UNDEF || section == SHN_ABS || section == SHN_COMMON) return false;
  const auto type = GELF_ST_TYPE(symbol.st_info);
  // Assembly leaves functions without a type.
  return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

// People know malloc, not __libc_malloc; and a global name, not a local alias of it.
unsigned rank_of(const GElf_Sym& symbol, const char* name) {
  const std::size_t underscores = std::strspn(name, "_");
  const bool mangled = std::strncmp(name, "_Z", 2) == 0;
  const unsigned local = GELF_ST_BIND(symbol.st_info) == STB_LOCAL ? 1 : 0;
  const unsigned untyped = GELF_ST_TYPE(symbol.st_info) == STT_NOTYPE ? 1 : 0;
  return untyped * 64 + (mangled ? 0 : static_cast<unsigned>(std::min<std::size_t>(underscores, 9))) * 4 +
         local;
}

}  // namespace

void SymbolIndex::build() {
  built_ = true;
  const int count = dwfl_module_getsymtab(module_);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    Elf* elf = nullptr;
    Dwarf_Addr bias = 0;
    const char* name = dwfl_module_getsym_info(module_, i, &symbol, &address, &section, &elf, &bias);
    // Names with a '$' in front mark places, not functions.
    if (name == nullptr || *name == '\0' || *name == '$' || !is_code(symbol, section)) continue;
    symbols_.push_back({address, address + symbol.st_size, name, rank_of(symbol, name)});
  }
  // Of the names of one place the one to show comes last, where the search from behind meets it first.
  std::ranges::sort(symbols_, [](const Symbol& a, const Symbol& b) {
    return std::tuple(a.start, b.rank) < std::tuple(b.start, a.rank);
  });
}

const char* SymbolIndex::find(std::uint64_t address) {
  if (!built_) build();
  constexpr int kFarthest = 16;  // symbols to look back over: labels inside of a function
  const char* sizeless = nullptr;
  auto symbol = std::ranges::upper_bound(symbols_, address, {}, &Symbol::start);
  for (int i = 0; i < kFarthest && symbol != symbols_.begin(); ++i) {
    --symbol;
    if (symbol->end > address) return symbol->name;
    // Code of no known size reaches up to the next symbol; one that has a size and ends before does not.
    if (symbol->end != symbol->start) return sizeless;
    if (sizeless == nullptr) sizeless = symbol->name;
  }
  return sizeless;
}

}  // namespace weir
