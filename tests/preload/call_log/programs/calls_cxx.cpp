// The operators of C++, each once.
#include <new>

static void* volatile sink;

struct alignas(64) Wide {
  char bytes[64];
};

int main() {
  sink = ::operator new(11);
  ::operator delete(sink);
  sink = ::operator new[](12);
  ::operator delete[](sink);
  sink = ::operator new(13, std::nothrow);
  ::operator delete (sink, std::size_t{13});
  sink = ::operator new (14, std::align_val_t{64});
  ::operator delete (sink, std::align_val_t{64});
  Wide* volatile wide = new Wide[2];
  delete[] wide;
}
