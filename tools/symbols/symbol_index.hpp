// A module's symbol table (also the one in .gnu_debugdata), sorted: which symbol holds an address.
//
// Built at the first question. libdwfl's own look-up walks the whole table for each address.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <vector>

namespace weir {

class SymbolIndex {
 public:
  explicit SymbolIndex(Dwfl_Module* module) : module_(module) {}

  // The linker's name of the function there, or nullptr. Lives as long as the module.
  const char* find(std::uint64_t address);

  // Calls f(start, end, name) for every name of every function; code of no known size ends where the next
  // symbol begins.
  template <typename F>
  void for_each(F&& f) {
    if (!built_) build();
    std::uint64_t next = 0;  // where the symbols begin that lie behind this one
    std::uint64_t here = 0;
    for (auto symbol = symbols_.rbegin(); symbol != symbols_.rend(); ++symbol) {
      if (symbol->start != here) next = here;
      here = symbol->start;
      const bool has_size = symbol->end != symbol->start;
      if (has_size || next > symbol->start) f(symbol->start, has_size ? symbol->end : next, symbol->name);
    }
  }

 private:
  struct Symbol {
    std::uint64_t start;
    std::uint64_t end;  // start when the table tells no size
    const char* name;
    unsigned rank;  // of several names of one function the lowest is shown
  };
  void build();

  Dwfl_Module* module_;
  bool built_ = false;
  std::vector<Symbol> symbols_;
};

}  // namespace weir
