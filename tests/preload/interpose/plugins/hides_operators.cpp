// For hidden_delete.cpp: a library with a delete of its own that nobody else sees, as -static-libstdc++ behind a version
// script makes it. It does nothing but jump to free.
#include <cstdlib>
#include <exception>

asm(".hidden _ZdlPv\n.hidden _ZdlPvm");

void operator delete(void* block) noexcept {
  std::free(block);
}
__attribute__((noinline)) void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}

extern "C" void drop(int* p) {
  delete p;
  if (p == nullptr) std::terminate();  // a library of C++, as its imports show
}
extern "C" void drop_of_unknown_size(void* p) {
  operator delete(p);
  asm volatile("");
}
