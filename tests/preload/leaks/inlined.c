// Functions that were inlined are frames too.
//: leak direct 40 1 innermost < inner < outer < main
//: levels O2
//: stderr in innermost .*inlined\.c:9
#include "lose.h"

static uintptr_t seen;
__attribute__((always_inline)) static inline void innermost(void) {
  seen ^= (uintptr_t)malloc(40) >> 4;
}
__attribute__((always_inline)) static inline void inner(void) {
  innermost();
}
FRAME static void outer(void) {
  inner();
}

int main(void) {
  outer();
  scrub();
  return seen == UINTPTR_MAX;
}
