// Blocks go between a library that has bound operators of its own to itself and the rest of the program (rust-lld and
// its libLLVM.so): what came from its new, and so from malloc, is deleted by the others' delete, and the other way round.
//: modes native leak pass
//: options mode=guard
//: plugin binds.so plugins/binds_operators.cpp -Wl,-Bsymbolic
#include "../check.h"

int main() {
  void* plugin = open_plugin("binds.so", RTLD_NOW);
  if (plugin == nullptr) return 1;
  auto make = reinterpret_cast<int* (*)()>(dlsym(plugin, "make"));
  auto make_many = reinterpret_cast<int* (*)()>(dlsym(plugin, "make_many"));
  auto drop = reinterpret_cast<void (*)(int*)>(dlsym(plugin, "drop"));
  auto drop_many = reinterpret_cast<void (*)(int*)>(dlsym(plugin, "drop_many"));
  for (int i = 0; i < 100; ++i) {
    delete static_cast<int*>(opaque(make()));
    delete[] static_cast<int*>(opaque(make_many()));
    drop(static_cast<int*>(opaque(new int(i))));
    drop_many(static_cast<int*>(opaque(new int[7])));
    drop(make());
  }
  return check_result();
}
