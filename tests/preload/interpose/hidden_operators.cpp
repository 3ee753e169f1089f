// What the program's new gave is deleted in a library that has a new and a delete of its own and exports none, and the
// other way round (Debian's rustc and the strings of libLLVM.so): no mismatch.
//: modes native leak pass
//: levels O2
//: options mode=guard
//: plugin hides.so plugins/hides_operators.cpp -foptimize-sibling-calls
#include "../check.h"

int main() {
  void* plugin = open_plugin("hides.so", RTLD_NOW);
  if (plugin == nullptr) return 1;
  auto make = reinterpret_cast<int* (*)()>(dlsym(plugin, "make"));
  auto drop = reinterpret_cast<void (*)(int*)>(dlsym(plugin, "drop"));
  auto drop_of_unknown_size = reinterpret_cast<void (*)(void*)>(dlsym(plugin, "drop_of_unknown_size"));
  for (int i = 0; i < 100; ++i) {
    delete static_cast<int*>(opaque(make()));
    drop(static_cast<int*>(opaque(new int(i))));
    drop_of_unknown_size(opaque(new int(i)));
  }
  return check_result();
}
