// A program with two operators of its own means all twenty: libstdc++ defines the others by them.
//: modes native leak pass
//: flags -Wno-sized-deallocation
#include <cstddef>
#include <new>

#include "../check.h"

static char pool[4096];
static std::size_t used;
static int news, deletes;

void* operator new(std::size_t bytes) {
  ++news;
  void* block = pool + used;
  used += (bytes + 15) & ~std::size_t{15};
  return block;
}
void operator delete(void* block) noexcept {
  if (block >= pool && block < pool + sizeof pool) ++deletes;
}

struct Counted {
  ~Counted() { opaque(this); }
  int value[4];
};

int main() {
  delete static_cast<Counted*>(opaque(new Counted));       // a sized delete
  delete[] static_cast<Counted*>(opaque(new Counted[3]));  // new[], a sized delete[]
  void* block = operator new(8, std::nothrow);
  operator delete(opaque(block), std::nothrow);
  block = operator new[](8, std::nothrow);
  operator delete[](opaque(block), std::nothrow);
  CHECK(news == 4);
  CHECK(deletes == 4);
  return check_result();
}
