// Some operators of its own, and a library whose objects are made before anybody's constructors have run.
#include <cstdlib>
#include <new>

#ifdef PLUGIN

struct Object {
  int* numbers = new int[4];
};
static Object object;

extern "C" int* take_numbers() {
  int* const taken = object.numbers;
  object.numbers = nullptr;
  return taken;
}

#else

void* operator new(std::size_t bytes) {
  return std::malloc(bytes);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

extern "C" int* take_numbers();

int main() {
  delete[] take_numbers();
  int* volatile numbers = new int[3];
  delete[] numbers;
  return 0;
}

#endif
