// A function of one module's own, found in that module's symbol table: whatever else has the name, in front of it or
// behind, is passed over. For what weir and its parent need of libc itself, where a program or another preloaded
// library may stand in front.
//
// Calls nothing of libc's: strcmp may be a sanitizer's, which is not ready when it asks dlsym for the real one.
// Takes no lock and allocates nothing; async-signal-safe. The module must stay loaded meanwhile.
#pragma once

#include <link.h>

namespace weir {

inline bool is_same_text(const char* a, const char* b) noexcept {
  for (; *a == *b; ++a, ++b) {
    if (*a == '\0') return true;
  }
  return false;
}

// The module that holds the address; nullptr for none.
const link_map* module_of(const void* address) noexcept;

// What the module defines under the name (its default version); nullptr where it does not. O(1).
void* symbol_of(const link_map& module, const char* name) noexcept;

// Whether the address lies in the code that the module has under the name.
bool is_in_symbol(const link_map& module, const char* name, const void* address) noexcept;

// Whether one of the names that the module leaves to others to define is wanted. O(names).
bool leaves_to_others(const link_map& module, bool (*wanted)(const char* name) noexcept) noexcept;

// symbol_of() in libc.
void* symbol_of_libc(const char* name) noexcept;
const link_map* libc_module() noexcept;

}  // namespace weir
