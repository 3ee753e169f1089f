// For private_operators.cpp: a library with operators of its own, which call malloc and free and are bound inside of it.
#include <cstddef>
#include <cstdlib>
#include <new>

__attribute__((noinline)) static void* take(std::size_t bytes) {
  void* block = std::malloc(bytes != 0 ? bytes : 1);
  asm volatile("" : "+r"(block));
  return block;
}
void* operator new(std::size_t bytes) {
  void* block = take(bytes);
  asm volatile("" : "+r"(block));
  return block;
}
void* operator new[](std::size_t bytes) {
  void* block = operator new(bytes);
  asm volatile("" : "+r"(block));
  return block;
}
void operator delete(void* block) noexcept {
  std::free(block);
  asm volatile("");
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
  asm volatile("");
}
void operator delete[](void* block) noexcept {
  operator delete(block);
  asm volatile("");
}
void operator delete[](void* block, std::size_t) noexcept {
  operator delete(block);
  asm volatile("");
}

extern "C" int* make() {
  return new int(5);
}
extern "C" int* make_many() {
  return new int[5];
}
extern "C" void drop(int* p) {
  delete p;
}
extern "C" void drop_many(int* p) {
  delete[] p;
}
