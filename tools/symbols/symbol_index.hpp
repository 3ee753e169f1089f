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
