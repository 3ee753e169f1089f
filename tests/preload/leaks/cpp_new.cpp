// The forms of new.
//: leak direct 8 1 one < main
//: leak direct 400 1 many < main
//: leak direct 256 1 aligned < main
//: leak direct 512 1 aligned_many < main
//: leak direct 24 1 nothrow < main
//: flags -Wno-unused-result
#include <cstdint>
#include <new>

#include "lose.h"

struct alignas(128) Wide {
  char bytes[256];
};

static std::uintptr_t seen;
static void lose(void* block) {
  seen ^= reinterpret_cast<std::uintptr_t>(block) >> 4;
}

FRAME static void one() {
  lose(new double(1));
}
FRAME static void many() {
  lose(new int[100]);
}
FRAME static void aligned() {
  lose(new Wide);
}
FRAME static void aligned_many() {
  lose(new Wide[2]);
}
FRAME static void nothrow() {
  lose(new (std::nothrow) char[24]);
}

int main() {
  one();
  many();
  aligned();
  aligned_many();
  nothrow();
  scrub();
  return seen == UINTPTR_MAX;
}
