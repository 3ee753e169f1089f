// Pointers at odd places: at the end of a block, across pages and parts of shared memory; main returns.
//: options use_unaligned=1
#include <sys/mman.h>

#include "lose.h"

struct __attribute__((packed)) item {
  unsigned number;
  void* block;
};

enum { kItems = 30000 };
struct item* volatile alone[20];
struct item* volatile shared;

int main(void) {
  for (int i = 0; i < 20; ++i) {
    alone[i] = malloc(sizeof *alone[i]);
    alone[i]->block = malloc(30);
  }
  const size_t bytes = kItems * sizeof *shared;
  shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < kItems; ++i) shared[i].block = malloc(1);
  return 0;
}
