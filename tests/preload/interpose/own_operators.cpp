// A program with operators of its own keeps them, in its libraries too.
//: modes native leak pass
//: flags -rdynamic
//: plugin strings.so plugins/strings.cpp
#include <new>

#include "../check.h"

static int news, deletes;

void* operator new(std::size_t bytes) {
  ++news;
  return malloc(bytes ? bytes : 1);
}
void operator delete(void* block) noexcept {
  ++deletes;
  free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  ++deletes;
  free(block);
}

int main() {
  delete static_cast<int*>(opaque(new int));
  CHECK(news == 1 && deletes == 1);
  void* plugin = open_plugin("strings.so", RTLD_NOW);
  auto use = reinterpret_cast<void (*)()>(dlsym(plugin, "use_strings"));
  use();
  CHECK(news > 1 && news == deletes);
  return check_result();
}
