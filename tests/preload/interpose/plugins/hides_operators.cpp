// For hidden_operators.cpp: a library with a new and a delete of its own that nobody else sees, as -static-libstdc++ behind a version
// script makes them. The delete does nothing but jump to free.
#include <cstdlib>
#include <exception>

asm(".hidden _ZdlPv\n.hidden _ZdlPvm\n.hidden _Znwm");

void* operator new(std::size_t bytes) {
  void* const block = std::malloc(bytes != 0 ? bytes : 1);
  if (block == nullptr) std::terminate();
  return block;
}

void operator delete(void* block) noexcept {
  std::free(block);
}
__attribute__((noinline)) void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}

extern "C" int* make() {
  int* const made = new int(5);
  asm volatile("" : : "r"(made) : "memory");
  return made;
}
extern "C" void drop(int* p) {
  delete p;
  if (p == nullptr) std::terminate();  // a library of C++, as its imports show
  asm volatile("");
}
extern "C" void drop_of_unknown_size(void* p) {
  operator delete(p);
  asm volatile("");
}
