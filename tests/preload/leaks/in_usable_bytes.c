// Who asks how large a block really is may keep pointers in all of it; and what was kept there holds nothing when
// the block was freed.
//: leak direct 78 1 lose < main
#include <malloc.h>

#include "lose.h"

static char* volatile kept;

FRAME static void** last_word(char* block) {
  return (void**)(block + (malloc_usable_size(block) & ~(size_t)7)) - 1;
}

FRAME static void lose(void) {
  char* holder = malloc(3000);
  *last_word(holder) = malloc(78);
  free(holder);
}

int main(void) {
  lose();
  kept = malloc(3000);
  char* const holder = malloc(40);
  *(char* volatile*)&kept[8] = holder;
  *last_word(holder) = malloc(77);
  scrub();
  return malloc_usable_size(holder) >= 48 ? 0 : 1;
}
