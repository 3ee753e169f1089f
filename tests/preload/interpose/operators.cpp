// The twenty operators, each matched with each of its deletes.
//: modes native leak pass
#include <new>

#include "../check.h"

static bool aligned(void* block, std::size_t alignment) {
  return block != nullptr && reinterpret_cast<uintptr_t>(block) % alignment == 0;
}

int main() {
  const std::nothrow_t quiet{};
  for (std::size_t bytes = 0; bytes < 10000; bytes = bytes * 3 + 1) {
    const std::size_t size = opaque_size(bytes);
    ::operator delete(::operator new(size));
    ::operator delete(::operator new(size), size);
    ::operator delete(::operator new(size), quiet);
    ::operator delete(::operator new(size, quiet), quiet);
    ::operator delete[](::operator new[](size));
    ::operator delete[](::operator new[](size), size);
    ::operator delete[](::operator new[](size), quiet);
    ::operator delete[](::operator new[](size, quiet), quiet);
    for (std::size_t n = 16; n <= 65536; n *= 4) {
      const auto alignment = static_cast<std::align_val_t>(n);
      void* blocks[] = {::operator new(size, alignment), ::operator new(size, alignment),
                        ::operator new(size, alignment, quiet)};
      void* arrays[] = {::operator new[](size, alignment), ::operator new[](size, alignment),
                        ::operator new[](size, alignment, quiet)};
      for (int i = 0; i < 3; ++i) CHECK(aligned(blocks[i], n) && aligned(arrays[i], n));
      ::operator delete(blocks[0], alignment);
      ::operator delete(blocks[1], size, alignment);
      ::operator delete(blocks[2], alignment, quiet);
      ::operator delete[](arrays[0], alignment);
      ::operator delete[](arrays[1], size, alignment);
      ::operator delete[](arrays[2], alignment, quiet);
    }
  }
  ::operator delete(opaque(nullptr));
  ::operator delete[](opaque(nullptr));
  ::operator delete (opaque(nullptr), std::size_t{8});
  ::operator delete[](opaque(nullptr), std::align_val_t{64});
  void *empty = ::operator new(0), *other = ::operator new(0);
  CHECK(empty != nullptr && empty != other);
  ::operator delete(empty);
  ::operator delete(other);
  return check_result();
}
